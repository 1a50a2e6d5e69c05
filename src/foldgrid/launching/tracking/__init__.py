"""What a launch has for trackers, while it runs and from its records."""
