"""The durable queue: what was accepted stays until the gateway says that it is stored."""
