"""Numbered SQL: 0001_… first; a released file is never edited, a new one follows it."""
