"""Learning curves of many configurations as a file, and back: what a search would have heard.

``NAME.parquet`` holds a row a configuration, ``NAME.json`` the visits and how all was made.
Predictions are kept in hundredths of a PASI point. Shape letters: E epochs, V visits.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.metrics import number_metrics
from foldgrid.specs.errors import SweepError
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.trials import TrialEpoch, TrialStatus

CURVES = Path(__file__).parent / "data" / "lr_plateau_curves"
"""Those that are shipped, without an ending."""

HUNDREDTHS = 100
"""PASI ends at 72, so hundredths of a point fit two bytes."""


@dataclass(frozen=True)
class Curve:
    """One configuration, trained to its end.

    Attributes:
        number: Its number in its study; 0 is the sweep's default configuration.
        values: What was drawn of the search space.
        status: ``complete`` or ``diverged``.
        device: What it was trained on.
        epochs: What a search receives the events of it.
    """

    number: int
    values: Mapping[str, Value]
    status: TrialStatus
    device: str
    epochs: tuple[TrialEpoch, ...]


@dataclass(frozen=True)
class CurveStudy:
    """The configurations of one data set.

    Attributes:
        units: subject and reference of the visits, in the order of ``TrialEpoch.predicted``.
        curves: By number.
    """

    units: pd.DataFrame
    curves: tuple[Curve, ...]


def write_curves(path: Path, studies: Mapping[str, CurveStudy], made: Mapping[str, Any]) -> None:
    """Writes ``path`` with both endings.

    Args:
        path: Without an ending.
        studies: By name.
        made: How they were made.
    """
    rows = [
        {"study": name, **_row(curve)} for name, study in studies.items() for curve in study.curves
    ]
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer, index=False, compression="zstd")
    units = {
        name: {column: study.units[column].tolist() for column in ("subject", "reference")}
        for name, study in studies.items()
    }
    text = json.dumps({"made": made, "units": units}) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    for ending, content in ((".parquet", buffer.getvalue()), (".json", text.encode())):
        aside = path.with_suffix(f"{ending}.partial")
        aside.write_bytes(content)
        aside.replace(path.with_suffix(ending))


def _row(curve: Curve) -> dict[str, Any]:
    predicted_EV = np.array([each.predicted for each in curve.epochs if each.predicted])
    # Visit by visit: a fold that does not improve predicts the same again, which packs well.
    packed = np.rint(predicted_EV.T * HUNDREDTHS).astype(np.int16).ravel()
    return {
        "number": curve.number,
        "status": curve.status,
        "device": curve.device,
        "values": json.dumps(dict(curve.values)),
        "seconds": np.array([epoch.wall_seconds for epoch in curve.epochs], np.float32),
        "predicted_hundredths": packed,
    }


def read_curves(path: Path) -> dict[str, CurveStudy]:
    """The studies that ``write_curves`` wrote, by name; values are those of rounded predictions.

    Raises:
        SweepError: The files are not there.
    """
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        table = pd.read_parquet(path.with_suffix(".parquet"))
    except FileNotFoundError as error:
        raise SweepError(
            f"{path}: no learning curves ({error.filename} is missing).\n"
            "Name others with --curves, or make them: python -m benchmarks.learning_curves"
        ) from error
    studies = {}
    for name, columns in facts["units"].items():
        units = pd.DataFrame(columns)
        rows = table[table["study"] == name].sort_values("number").to_dict("records")
        studies[name] = CurveStudy(units, tuple(_curve(row, units) for row in rows))
    return studies


def _curve(row: dict[Any, Any], units: pd.DataFrame) -> Curve:
    predicted_EV = row["predicted_hundredths"].reshape(len(units), -1).T / HUNDREDTHS
    seconds = row["seconds"]
    unscored: list[None] = [None] * (len(seconds) - len(predicted_EV))
    each = zip([*predicted_EV, *unscored], seconds, strict=True)
    return Curve(
        number=int(row["number"]),
        values=json.loads(row["values"]),
        status=row["status"],
        device=row["device"],
        epochs=tuple(
            make_epoch(number, predicted_V, units, float(took))
            for number, (predicted_V, took) in enumerate(each, start=1)
        ),
    )


def make_epoch(
    epoch: int,
    predicted_V: NDArray[np.float64] | None,
    units: pd.DataFrame,
    seconds: float = 0.0,
) -> TrialEpoch:
    """What a trial reports that predicted ``predicted_V``; nothing where it diverged."""
    if predicted_V is None:
        return TrialEpoch(epoch=epoch, oof={}, num_running=0, wall_seconds=seconds)
    reference = units["reference"].to_numpy(np.float64)
    return TrialEpoch(
        epoch=epoch,
        oof={name: metric(reference, predicted_V) for name, metric in number_metrics().items()},
        predicted=tuple(predicted_V.tolist()),
        num_running=1,
        wall_seconds=seconds,
    )
