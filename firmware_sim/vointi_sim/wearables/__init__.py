"""Simulated wearables: GATT servers and advertisers on the virtual radio."""
