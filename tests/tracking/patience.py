"""How long tests wait for a W&B that was taken ill.

Only what is bound to fail is waited for so briefly: one that is well may take its time, as it does
on a busy machine.
"""

from foldgrid.tracking.wandb.session import Patience

BRIEF_SECONDS = 1.0


def patience_in_outage(*, is_well_at_first):
    """For runs that open while W&B is well and cannot be finished, or that cannot even open."""
    if is_well_at_first:
        return Patience(init_seconds=60, finish_seconds=BRIEF_SECONDS)
    return Patience(init_seconds=BRIEF_SECONDS, finish_seconds=60)
