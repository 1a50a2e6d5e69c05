"""What a model's figures mean at the bedside: agreement, severity, response, change over time."""
