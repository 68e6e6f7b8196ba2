"""The way up: an MQTT session, a live and a backlog lane, and acknowledgements that come back."""
