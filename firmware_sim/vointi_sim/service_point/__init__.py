"""The service point: who comes and goes, the air they breathe, the box that counts them."""
