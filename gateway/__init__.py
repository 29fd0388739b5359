"""The doors: the device protocol (no I/O), the websocket server, the HTTP API, authorisation and the page."""
