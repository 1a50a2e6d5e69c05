"""Runs what it is given: in this process, or through Ray, which only this room knows."""
