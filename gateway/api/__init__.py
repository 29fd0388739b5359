"""The HTTP API and the page that it serves."""
