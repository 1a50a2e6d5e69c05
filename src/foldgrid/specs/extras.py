"""Packages that only some users need: imported when they are, named where they are missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class MissingExtraError(ValueError):
    """A package is not installed; the message names the extra that brings it."""


def import_extra(module: str, extra: str) -> ModuleType:
    """A module of an optional dependency.

    Args:
        module: As Python imports it.
        extra: Which of foldgrid's extras brings it.

    Raises:
        MissingExtraError: It is not installed.

    Example:
        >>> import_extra("json", "excel").dumps([1])
        '[1]'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"needs the extra {extra}: pip install 'foldgrid[{extra}]'"
        ) from error
