"""Pilots, people, devices on loan, consent, erasure and the audit log."""
