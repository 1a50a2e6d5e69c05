"""A side: the sweep as ``foldgrid launch`` runs it, from the plan to everything closed.

``python -m benchmarks.whole_sweep FOLDER`` reads ``FOLDER/study.json`` and writes
``FOLDER/result.json``. The ranking, which no other side makes, is left out.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.side_by_side import SideResult
from benchmarks.study import Study
from foldgrid.execution.fit_job import FitJob
from foldgrid.launching.progress.display import SweepProgress
from foldgrid.launching.session import Session
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import FitRecord


class MonitoredProgress(SweepProgress):
    """Also notes when the first fit was taken up and when the last was finished."""

    first_started = math.inf
    last_finished = -math.inf

    def started(self, job: FitJob) -> None:
        """See ``foldgrid.execution.events.Listener``."""
        self.first_started = min(self.first_started, time.perf_counter())
        super().started(job)

    def finished(self, job: FitJob, record: FitRecord) -> None:
        """See ``foldgrid.execution.events.Listener``."""
        super().finished(job, record)
        self.last_finished = time.perf_counter()


def train(session: Session) -> dict[str, float]:
    """Trains a planned sweep; returns the seconds of its phases."""
    progress = MonitoredProgress(
        session.progress.num_total, session.progress.num_done, session.progress.work_left
    )
    session.progress = progress
    started = time.perf_counter()
    num_failed = session.train()
    warnings = session.close()
    ended = time.perf_counter()
    if num_failed or warnings:
        raise SweepError(f"{num_failed} fits failed; {'; '.join(warnings)}")
    return {
        "start": progress.first_started - started,
        "fits": progress.last_finished - progress.first_started,
        "stop": ended - progress.last_finished,
    }


def main(folder: Path) -> None:
    study = Study.load(folder)
    session = study.open_session(folder / "runs", Console())
    phases = train(session)
    store = session.prepared.store
    records = [store.read_fit(job.config.fit_id) for job in session.prepared.grid.selected]
    SideResult(
        phases=phases,
        fit_seconds=sum(record.timings["total"] for record in records),
        losses={
            f"{record.config.backbone}/{record.config.fold}": record.metrics.get(
                "validation/loss", math.nan
            )
            for record in records
        },
    ).save(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
