"""What only scores have: agreement, errors by severity, response, change over time."""
