"""Streaming signal processing for wearable sensors."""
