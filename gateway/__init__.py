"""The doors: `devices/` over websockets, `api/` over HTTP with the page; what both need stands here."""
