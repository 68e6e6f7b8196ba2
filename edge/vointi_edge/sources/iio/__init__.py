"""Sensors that the kernel reads: the IIO sysfs interface."""
