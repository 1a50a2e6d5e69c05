"""One thread for numbers that have to be the same bits on any number of cores."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # no types there


def one_thread() -> Any:
    """Inside, linear algebra uses one thread: sums are added up in the same order anywhere.

    Small products are no slower for it.

    Example:
        >>> import numpy as np
        >>> with one_thread():
        ...     float((np.ones((2, 3)) @ np.ones(3)).sum())
        6.0
    """
    return _libraries(*(name in sys.modules for name in _WITH_THREADS)).limit(limits=1)


_WITH_THREADS = ("numpy.linalg", "scipy.linalg", "sklearn", "torch")
"""The modules that bring libraries with threads."""


@lru_cache(maxsize=1)
def _libraries(*_: bool) -> ThreadpoolController:
    """The loaded libraries that have threads."""
    # Looking takes milliseconds, ten and more where torch is loaded. Only with another of the
    # modules can there be further ones.
    return ThreadpoolController()
