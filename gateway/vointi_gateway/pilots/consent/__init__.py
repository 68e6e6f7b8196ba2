"""Consent: appended events, the state that they amount to, texts and receipts."""
