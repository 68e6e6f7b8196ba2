"""The edge: devices in, durable readings out."""
