"""What a report shows, one room an exhibit: its facts, its drawing, its table and its caption."""
