"""Facts about networks that stay as they are while the versions of the libraries do.

Finding them out takes torch, torchvision and a network; whoever knew them before needs none of
these. Knows no disk: `foldgrid.launching.planning.kept_facts` keeps them there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

P = ParamSpec("P")
T = TypeVar("T")
Facts = dict[str, Any]

_KNOWN: ContextVar[Facts | None] = ContextVar("known facts about networks", default=None)


@contextmanager
def known_facts(facts: Facts) -> Iterator[None]:
    """Inside, functions that find out a `fact` look here first, and add what they find out.

    Args:
        facts: By question, the answer as JSON has it.
    """
    token = _KNOWN.set(facts)
    try:
        yield
    finally:
        _KNOWN.reset(token)


def facts_so_far() -> Facts:
    """What is known inside `known_facts`, for another process; nothing outside."""
    return dict(_KNOWN.get() or {})


def fact(find_out: Callable[P, T]) -> Callable[P, T]:
    """A function of plain arguments that looks into `known_facts` first.

    What the answer is has to follow from the arguments and the versions of foldgrid, torch,
    torchvision and timm. Errors are not remembered.

    Args:
        find_out: Arguments and answer can be written as JSON; the answer's annotation says how it
            is read back.
    """
    question = f"{find_out.__module__}.{find_out.__qualname__}"

    @lru_cache(maxsize=1)
    def adapter() -> TypeAdapter[T]:
        return TypeAdapter(get_type_hints(find_out)["return"])

    @wraps(find_out)
    def known_or_found(*args: P.args, **kwargs: P.kwargs) -> T:
        known = _KNOWN.get()
        if known is None:
            return find_out(*args, **kwargs)
        key = f"{question}{json.dumps([args, kwargs], sort_keys=True)}"
        if key in known:
            try:
                return adapter().validate_python(known[key])
            except ValidationError:
                # Corrupt: as if nobody had known it.
                del known[key]
        answer = find_out(*args, **kwargs)
        known[key] = adapter().dump_python(answer, mode="json")
        return answer

    return known_or_found
