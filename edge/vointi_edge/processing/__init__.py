"""Streams made from streams: what the catalogue calls pipelines."""
