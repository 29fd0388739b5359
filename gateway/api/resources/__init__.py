"""The routes of the HTTP API, a module for each kind of thing; who may use them says gateway/access.py."""
