"""The house's own sensors behind a local MQTT broker; the only paho of sources."""
