"""Kinds of things that anybody may add to, by name: this project, and any package beside it.

Ours are added by the room in which they live; another package names its own in an entry point, so
that installing it is enough:

    [project.entry-points."foldgrid.metrics"]
    rank_error = "my_metrics:RANK_ERROR"
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from importlib.metadata import EntryPoint, distributions, entry_points
from importlib.util import find_spec
from typing import TypeVar, cast

from foldgrid.specs.errors import SweepError, did_you_mean

T = TypeVar("T")


class Registry(MutableMapping[str, T]):
    """The things of one kind by name, complete at the first look.

    Rules: a name is given once, and is the thing's own where it has a ``name``; ours come first,
    in the order in which their room adds them, then those of other packages by name; what another
    package brings is of the kind's type, or the first look says whose it is and what is wrong.

    Args:
        kind: What one is called, such as ``metric``.
        type_: What each has to be.
        home: The room that adds ours when it is imported; imported at the first look.

    Example:
        >>> colours: Registry[str] = Registry("colour", str)
        >>> colours.add("red", "#f00")
        '#f00'
        >>> colours.named("red")
        '#f00'
    """

    def __init__(self, kind: str, type_: type[T] | tuple[type, ...], home: str = "") -> None:
        self.kind, self._type, self._home = kind, type_, home
        self._things: dict[str, T] = {}
        self._is_complete = False
        self._by_hand: set[str] = set()

    @property
    def _one(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    @property
    def group(self) -> str:
        """The entry points' group, such as ``foldgrid.metrics``."""
        return f"foldgrid.{self.kind.replace(' ', '_')}s"

    def add(self, name: str, thing: T) -> T:
        """Adds one and gives it back.

        Raises:
            ValueError: There is one of that name.
        """
        if name in self._things:
            raise ValueError(f'there is {self._one} called "{name}" already')
        self._things[name] = thing
        return thing

    def register(self, name: str, thing: T) -> T:
        """Adds one by hand and gives it back; what was added by hand may be added again.

        Raises:
            TypeError: It is nothing of the kind.
            ValueError: There is one of that name already.
        """
        if not isinstance(thing, self._type):
            raise TypeError(f"{name}: found {thing!r}, which is no {self.kind}")
        # Complete at this look: else ours, added later, would be refused as there already.
        if name in self and name in self._by_hand:
            del self[name]
        self.add(name, thing)
        self._by_hand.add(name)
        return thing

    def named(self, name: str) -> T:
        """The one called ``name``.

        Raises:
            SweepError: There is none; the message offers the nearest names.
        """
        if name not in self:
            raise SweepError(f'no {self.kind} "{name}". {did_you_mean(name, self)}')
        return self[name]

    def _complete(self) -> dict[str, T]:
        if not self._is_complete:
            if self._home:
                importlib.import_module(self._home)
            points = sorted(entry_points(group=self.group), key=lambda point: point.name)
            self._things |= {point.name: self._load(point) for point in points}
            self._is_complete = True
        return self._things

    def _load(self, point: EntryPoint) -> T:
        try:
            thing = point.load()
        except Exception as error:
            raise _broken(self.kind, point, f"{type(error).__name__}: {error}") from error
        if point.name in self._things:
            raise _broken(self.kind, point, f"there is {self._one} of that name already")
        if not isinstance(thing, self._type):
            raise _broken(self.kind, point, f"found {thing!r}, which is no {self.kind}")
        own_name = getattr(thing, "name", point.name)
        if own_name != point.name:
            raise _broken(self.kind, point, f'it calls itself "{own_name}"')
        return cast(T, thing)

    def __getitem__(self, name: str) -> T:
        return self._complete()[name]

    def __setitem__(self, name: str, thing: T) -> None:
        self._complete()[name] = thing

    def __delitem__(self, name: str) -> None:
        del self._complete()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._complete())

    def __len__(self) -> int:
        return len(self._complete())


def other_packages() -> list[str]:
    """The distributions beside this one that add something to any registry, sorted."""
    found = {
        package.name
        for package in distributions()
        if any(point.group.startswith("foldgrid.") for point in package.entry_points)
    }
    return sorted(found - {"foldgrid"})


def _broken(kind: str, point: EntryPoint, fault: str) -> SweepError:
    package = point.dist.name if point.dist is not None else "a package"
    return SweepError(
        f'{_file_of(point)}: the {kind} "{point.name}" of {package} cannot be used.\n'
        f"  {fault}\n"
        f"Mend it ({point.group}: {point.name} = {point.value}), or uninstall {package}."
    )


def _file_of(point: EntryPoint) -> str:
    try:
        spec = find_spec(point.module)
    except (ImportError, ValueError):
        spec = None
    return (spec.origin if spec is not None else None) or point.module
