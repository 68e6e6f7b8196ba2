"""One command that runs the whole chain on one machine."""
