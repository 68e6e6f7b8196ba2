"""Simulated wellbeing devices that speak real protocols."""
