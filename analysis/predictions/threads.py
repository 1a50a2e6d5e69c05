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
    return _libraries(len(sys.modules)).limit(limits=1)


@lru_cache(maxsize=1)
def _libraries(_: int) -> ThreadpoolController:
    """The loaded libraries that have threads."""
    # Looking takes milliseconds. Only with modules imported since can there be further ones.
    return ThreadpoolController()
