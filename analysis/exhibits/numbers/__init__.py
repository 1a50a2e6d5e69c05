"""What a report shows of a task of numbers, whatever their range and unit."""
