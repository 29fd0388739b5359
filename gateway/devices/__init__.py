"""The websocket door of devices: the protocol and connections (no I/O), and the server in front of them."""
