"""For whoever looks after an edge: the doctor, a bundle for support, reset, the clock's floor."""
