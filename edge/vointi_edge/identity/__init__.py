"""Who this edge is: a key made here, which never leaves, and a certificate for it."""
