"""Devices that are asked over HTTP in the local network."""
