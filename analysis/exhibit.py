"""An exhibit: a part of the report with its numbers and pictures. All of them, by name.

Laws: an exhibit computes nothing before it is asked, changes nothing, and says the same of the
same records; what ``frame`` gives is what the page shows, before it is rounded; a run that an
exhibit is not for is shown why. Whether an exhibit is for a run at all (``why_not``) is another
question than whether this run has something to show (a section's ``left_out``): the first decides
whether it stands on the page, the second what stands there.

Ours live in ``foldgrid.analysis.exhibits``, a room each; another package brings its own by an entry
point of the group ``foldgrid.exhibits``. docs/how-to/exhibits.md shows one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import isfunction
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import pandas as pd

from foldgrid.analysis.drawing.blocks import Figure, Numbers, Section, Table
from foldgrid.analysis.drawing.drawing import Drawing
from foldgrid.analysis.predictions.threads import one_thread
from foldgrid.specs.errors import SweepError, did_you_mean
from foldgrid.specs.registry import Registry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Of = Literal["grid", "task", "search"]


class Opened(Protocol):
    """What an exhibit may ask of any opened run before it knows of which kind it is."""

    @property
    def location(self) -> str:
        """The run folder."""
        ...

    @property
    def is_search(self) -> bool:
        """Whether trials were searched there, not a grid trained."""
        ...

    @property
    def asked(self) -> tuple[str, ...]:
        """The exhibits that its task names."""
        ...


AnyRun = TypeVar("AnyRun", bound=Opened)


def _nothing(_: Opened) -> str:
    return ""


@dataclass(frozen=True)
class Exhibit(Generic[AnyRun]):
    """A section of the report: its tables and figures, with their data.

    Attributes:
        name: What it is asked for by.
        title: Its heading.
        make: What it shows of a run; ``Figure`` and ``Table`` bring their numbers.
        of: Which runs it is for: every ``grid``, those whose ``task`` names it (``exhibits`` of
            its scoring), or every ``search``.
        needs: What a run lacks that it must have, in words, such as "the sweep has no ablation";
            "" where it lacks nothing.
        anchor: Its anchor on the page; its name without.

    Example:
        >>> Exhibit("cohort", "The cohort", lambda run: Section(f"{len(run.records)} fits."))
    """

    name: str
    title: str
    make: Callable[[AnyRun], Section]
    of: Of = "grid"
    needs: Callable[[AnyRun], str] = _nothing
    anchor: str = ""

    def why_not(self, run: AnyRun) -> str:
        """Why a run has no such exhibit; "" where it has."""
        if (self.of == "search") != run.is_search:
            return "it is of a search" if self.of == "search" else "it is of a grid"
        if self.of == "task" and self.name not in run.asked:
            return "its task has none"
        return self.needs(run)

    def section(self, run: AnyRun) -> Section:
        """What stands on the page.

        Raises:
            SweepError: ``make`` returned something else.
        """
        made: object = self.make(run)
        if not isinstance(made, Section):
            file = self.make.__code__.co_filename if isfunction(self.make) else ""
            raise SweepError(
                f'{file}: the exhibit "{self.name}" cannot be shown.\n'
                f"  `make` returned {made!r}, which is no Section.\n"
                "Return foldgrid.analysis.drawing.blocks.Section: docs/how-to/exhibits.md."
            )
        return made.named(self.name, self.anchor or self.name, self.title)


EXHIBITS: Registry[Exhibit[Any]] = Registry("exhibit", Exhibit, home="foldgrid.analysis.exhibits")
"""All exhibits in the order of the page: ours as their room names them, then others'."""


class ShownExhibit:
    """An exhibit of one run.

    Args:
        exhibit: Which.
        run: The opened run.

    Example:
        >>> ranking = foldgrid.open_run(folder).exhibit("ranking")
        >>> ranking
        <Exhibit ranking of ...tiny: Ranking>
        >>> ranking.pictures
        ('forest',)
        >>> ranking.frame().columns.tolist()[:2]
        ['model', 'kind']
        >>> ranking.plot().save("ranking.svg")
    """

    def __init__(self, exhibit: Exhibit[Any], run: Opened) -> None:
        self._exhibit, self._run = exhibit, run
        self.name, self.title = exhibit.name, exhibit.title

    def __repr__(self) -> str:
        return f"<Exhibit {self.name} of {self._run.location}: {self.title}>"

    @cached_property
    def section(self) -> Section:
        """What stands on the page."""
        with one_thread():
            return self._exhibit.section(self._run)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of its tables, pictures and further numbers."""
        return tuple(self._frames)

    @property
    def pictures(self) -> tuple[str, ...]:
        """The names of its pictures."""
        return tuple(self._figures)

    def frame(self, part: str = "") -> pd.DataFrame:
        """Numbers as they are, a row a fact.

        Args:
            part: One of ``parts``; the first without.

        Raises:
            SweepError: It has no such part, or nothing of this run.
        """
        numbers = self._chosen(self._frames, part, "part")
        with one_thread():
            return numbers()

    def plot(self, part: str = "", ax: Axes | None = None) -> Drawing:
        """A picture: ``figure`` is matplotlib's, ``save`` writes SVG or PNG, a notebook shows it.

        Args:
            part: One of ``pictures``; the first without.
            ax: Axes that show it, too, as pixels: a picture has axes of its own in its own style.

        Raises:
            SweepError: It has no such picture, or nothing of this run.
        """
        figure = self._chosen(self._figures, part, "picture")
        with one_thread():
            drawing = figure.drawing
        if ax is not None:
            drawing.show_in(ax)
        return drawing

    @property
    def _figures(self) -> dict[str, Figure]:
        return {each.key: each for each in self.section.blocks if isinstance(each, Figure)}

    @property
    def _frames(self) -> dict[str, Numbers]:
        blocks = [each for each in self.section.blocks if isinstance(each, Figure | Table)]
        return {**{each.key: each.frame for each in blocks}, **self.section.further}

    def _chosen(self, known: Mapping[str, Thing], part: str, kind: str) -> Thing:
        where = f"{self._run.location}: the exhibit {self.name}"
        if self.section.left_out:
            raise SweepError(f"{where} shows nothing of this run: {self.section.left_out}")
        if not known:
            raise SweepError(f"{where} has no {kind}s.")
        if part and part not in known:
            raise SweepError(
                f'{where} has no {kind} "{part}". {did_you_mean(part, known)}\n'
                f"It has {', '.join(known)}."
            )
        return known[part or next(iter(known))]


Thing = TypeVar("Thing")


def exhibits_of(run: Opened) -> dict[str, Exhibit[Any]]:
    """The exhibits of a run by name, in the order of the page.

    Raises:
        SweepError: Its task names one that nobody added.
    """
    for name in run.asked:
        if name not in EXHIBITS:
            raise SweepError(
                f'{run.location}: its task names the exhibit "{name}", which there is not. '
                f"{did_you_mean(name, EXHIBITS)}\nMend `exhibits` of the task's scoring."
            )
    return {name: _known_as(name) for name in EXHIBITS if not _known_as(name).why_not(run)}


def _known_as(name: str) -> Exhibit[Any]:
    """One by the name under which it was added, which an entry point gives anew."""
    exhibit = EXHIBITS[name]
    return exhibit if exhibit.name == name else replace(exhibit, name=name)


def chosen_exhibit(run: Opened, name: str) -> Exhibit[Any]:
    """The exhibit called ``name``.

    Raises:
        SweepError: There is none, or it is not for this run; the message lists those that are.
    """
    exhibit = _known_as(name) if name in EXHIBITS else None
    why = exhibit.why_not(run) if exhibit is not None else ""
    if exhibit is not None and not why:
        return exhibit
    known = exhibits_of(run)
    found = f'no exhibit "{name}" here. {did_you_mean(name, known)}'
    if exhibit is not None:
        found = f'the exhibit "{name}" is not for this run: {why}.'
    raise SweepError(f"{run.location}: {found}\nThis run has {', '.join(known)}.")
