"""Ingest: subscribe, decode, check, make once, commit, and only then acknowledge."""
