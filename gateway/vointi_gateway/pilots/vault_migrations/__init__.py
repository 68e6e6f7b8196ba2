"""The vault's numbered SQL."""
