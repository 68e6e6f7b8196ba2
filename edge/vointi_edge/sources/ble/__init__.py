"""Bluetooth LE through bleak: one scanner, connects in series, a watchdog on every stream."""
