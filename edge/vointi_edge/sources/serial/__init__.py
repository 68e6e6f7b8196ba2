"""Devices behind a serial line."""
