"""Lengths and checksums: whether a file is what was written.

A seal tells damage, by a crash, a disk or an editor, from what was meant. It is no signature:
whoever changes a file and its seal together is not found out. What was written before there were
seals has none, and is taken as it is.
"""

from __future__ import annotations
