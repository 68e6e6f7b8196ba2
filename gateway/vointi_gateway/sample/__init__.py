"""Four cities with simulated people: a data set to try, show and measure with, from one seed."""
