"""Signed releases: verified, installed beside the one in use, on trial, kept or taken back."""
