"""The sections of a report, one file each: facts in, a ``Section`` out."""
