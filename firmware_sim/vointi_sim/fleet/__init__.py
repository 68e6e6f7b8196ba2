"""Hundreds of homes from one process: each speaks the contract as an edge does, for load."""
