"""Buttons, beams, doors and motion on the lines of a GPIO chip."""
