"""Numbers: one a photograph, in one unit, on any range."""
