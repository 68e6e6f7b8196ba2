"""The gateway: ingest, store, API and pages."""
