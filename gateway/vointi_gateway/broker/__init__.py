"""The MQTT broker for small installations: mosquitto where it is installed, else one in Python."""
