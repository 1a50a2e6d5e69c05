"""The sweep's own run in W&B: tables, images and facts in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foldgrid.tracking.summary import SummaryContent

if TYPE_CHECKING:
    import wandb


def write_content(run: wandb.Run, content: SummaryContent) -> None:
    """Writes everything in one step.

    Args:
        run: A fresh run, or one that goes on from an earlier launch: then this is one step more.
        content: What to write.
    """
    import wandb

    step = run.starting_step
    point: dict[str, Any] = {}
    for key, (columns, rows) in content.tables.items():
        table = wandb.Table(columns=[*columns], data=[*rows], allow_mixed_types=True)
        # Logged as it is, a table also becomes an artifact, staged outside the run's folder under
        # an absolute path: the folder could then not be synced from another machine.
        table.bind_to_run(run, key, step)  # type: ignore[no-untyped-call]
        point[key] = table.to_json(run)
    if content.images:
        point["composites"] = [wandb.Image(image) for image in content.images]
    run.log(point, step=step)
    run.summary.update(content.facts)
