"""A metric against a numeric setting of the sweep, a line a backbone, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.canvas import SMALL, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.palette import INK
from foldgrid.analysis.drawing.series import series, spread_out

_LOGARITHMIC = 8.0
"""The largest setting over the smallest from which the axis is logarithmic."""

_DODGE = 0.012
"""How far lines stand apart sideways, as a fraction of the axis, so that intervals do not cover."""

_LABEL = 14.0


@dataclass(frozen=True)
class SettingPoint:
    """One value.

    Attributes:
        setting: The setting's value.
        value: What was reached with it.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end.
    """

    setting: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class SettingCurves:
    """Metrics by setting.

    Attributes:
        setting: What is varied, in words: ``fraction of the training images``.
        title: What is measured: ``AUC``.
        partition: In words: ``test``.
        is_fraction: Whether the setting is a fraction, to be written in per cent.
        lines: By backbone its points, from the smallest setting.
        names: Words for settings that are no numbers, by where they stand.
    """

    setting: str
    title: str
    partition: str
    is_fraction: bool
    lines: dict[str, tuple[SettingPoint, ...]]
    names: Mapping[float, str] = field(default_factory=dict)

    @property
    def settings(self) -> tuple[float, ...]:
        """Every value of the setting, rising."""
        return tuple(sorted({each.setting for line in self.lines.values() for each in line}))

    def written(self, setting: float) -> str:
        """``25 %``, the number, or its word."""
        if setting in self.names:
            return self.names[setting]
        return f"{100 * setting:g} %" if self.is_fraction else f"{setting:g}"


def draw_setting_curves(facts: SettingCurves) -> Drawing:
    """All lines in one panel, named at their right ends.

    Args:
        facts: One to ``series.MOST_SERIES`` lines with a point each or more.
    """
    return draw(
        "setting_" + "_".join(facts.setting.split()),
        f"{facts.title} by {facts.setting}, {facts.partition}",
        describe_setting_curves(facts),
        partial(_paint, facts),
    )


def describe_setting_curves(facts: SettingCurves) -> str:
    """Where each line starts and ends."""
    sentences = []
    for name, line in facts.lines.items():
        first, last = line[0], line[-1]
        text = f"{name}: {facts.title} {first.value:.3f} at {facts.written(first.setting)}"
        if last is not first:
            text += f", {last.value:.3f} at {facts.written(last.setting)}"
        sentences.append(text + ".")
    return " ".join(sentences)


def _paint(facts: SettingCurves, width: int) -> MplFigure:
    is_wide = width > 500
    left, names = 44.0, 150.0 if is_wide else 104.0
    height = 280.0 if is_wide else 230.0
    figure = new_figure(width, height + 70)
    axes = add_axes(figure, left, 24, width - left - names, height)
    axes.set_title(
        f"{facts.title}, {facts.partition}", loc="left", fontsize=SMALL, color=INK, pad=8
    )
    label = _scale(axes, facts)
    axes.set_xlabel(label, fontsize=SMALL, loc="left")
    axes.set_ylim(*_limits(facts))
    axes.locator_params(axis="y", nbins=6)
    for place, line in enumerate(facts.lines.values()):
        _paint_line(axes, line, place, len(facts.lines))
    _name_lines(axes, facts, names)
    return figure


def _scale(axes: Axes, facts: SettingCurves) -> str:
    settings = facts.settings
    low, high = settings[0], settings[-1]
    label = facts.setting
    if low > 0 and high >= _LOGARITHMIC * low:
        axes.set_xscale("log")
        room = (high / low) ** 0.05
        axes.set_xlim(low / room, high * room)
        axes.minorticks_off()
        label += " (log scale)"
    else:
        room = 0.05 * (high - low) or 0.5
        axes.set_xlim(low - room, high + room)
    at = [float(axes.transData.transform((each, 0.5))[0]) for each in settings]
    written = _uncrowded([facts.written(each) for each in settings], at)
    axes.set_xticks(settings, written)
    return label


def _uncrowded(texts: list[str], at: list[float]) -> list[str]:
    """The first and the last text, and of those between the ones that have room."""
    kept, last = [texts[0]], at[0]
    for text, place in zip(texts[1:-1], at[1:-1], strict=True):
        room = 0.3 * SMALL * len(text) * 2 + 8
        is_kept = place - last >= room and at[-1] - place >= room
        kept.append(text if is_kept else "")
        last = place if is_kept else last
    return [*kept, *texts[len(kept) :]]


def _limits(facts: SettingCurves) -> tuple[float, float]:
    points = [each for line in facts.lines.values() for each in line]
    values = [
        value for each in points for value in (each.value, each.low, each.high) if value is not None
    ]
    low, high = min(values), max(values)
    room = 0.07 * (high - low) or 0.05
    return low - room, high + room


def _paint_line(axes: Axes, line: tuple[SettingPoint, ...], place: int, num_lines: int) -> None:
    look = series(place)
    aside = _DODGE * (place - (num_lines - 1) / 2)
    to_axes = axes.transAxes.inverted()
    bottom = axes.get_ylim()[0]
    pixels = [axes.transData.transform((each.setting, bottom)) for each in line]
    x = [float(to_axes.transform(each)[0]) + aside for each in pixels]
    whole = axes.get_yaxis_transform()
    for at, each in zip(x, line, strict=True):
        if each.low is not None and each.high is not None:
            axes.plot(
                [at, at], [each.low, each.high], color=look.colour, linewidth=1.1, alpha=0.6,
                transform=whole, zorder=2, clip_on=False,
            )  # fmt: skip
    metric_values = [each.value for each in line]
    axes.plot(
        x, metric_values, linewidth=1.6, transform=whole, zorder=3, clip_on=False, **look.line
    )
    axes.plot(
        x, metric_values, markersize=6, transform=whole, zorder=4, clip_on=False, **look.point
    )


def _name_lines(axes: Axes, facts: SettingCurves, room: float) -> None:
    to_pixels = axes.transData.transform
    ends = [
        float(to_pixels((line[-1].setting, line[-1].value))[1]) for line in facts.lines.values()
    ]
    low, high = axes.get_window_extent().intervaly
    places = spread_out(ends, _LABEL, float(low) + 4, float(high) - 4)
    for place, (name, line) in enumerate(facts.lines.items()):
        look = series(place)
        axes.annotate(
            fitted(name, room - 30, SMALL), (1.0, line[-1].value),
            (24, places[place] - ends[place]), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", va="center", fontsize=SMALL, color=INK,
            annotation_clip=False,
        )  # fmt: skip
        y = axes.transAxes.inverted().transform((0.0, places[place]))[1]
        axes.plot(
            [1.0 + 14 / float(axes.get_window_extent().width)], [y], markersize=6,
            transform=axes.transAxes, clip_on=False, **look.point,
        )  # fmt: skip
