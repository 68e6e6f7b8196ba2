"""Devices in, readings out. Each source knows its wire; none knows where readings go."""
