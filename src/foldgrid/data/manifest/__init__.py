"""Manifests, read and checked: every mistake of a table in one message."""
