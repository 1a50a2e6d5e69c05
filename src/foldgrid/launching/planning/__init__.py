"""Everything that is known of a launch before it trains."""
