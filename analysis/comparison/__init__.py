"""Sweeps side by side: what they have in common, what differs, and by how much the models do."""
