"""A scheduler: stops a trial that is far behind the best one at the same epoch."""

from pydantic import Field

from foldgrid.search.schedulers.rules import score_key
from foldgrid.specs.base import Spec
from foldgrid.specs.schedulers import Scheduler, grace_problems


class Settings(Spec):
    margin: float = Field(default=0.1, ge=0)  # 0.1: an error 10 % above the best one's


class Behind(Scheduler):
    settings = Settings

    def plan(self, shared, own):
        start = f"from epoch {shared.grace_epochs} on"
        return f"behind stops what is {own.margin:.0%} behind the best, {start}"

    def report(self, shared, own):
        return f"behind: stopped what was {own.margin:.0%} behind the best at the same epoch"

    def problems(self, shared, own, planned_epochs, varied):
        yield from super().problems(shared, own, planned_epochs, varied)
        yield from grace_problems(shared, planned_epochs)

    def rule(self, searched, own):
        return BehindRule(searched.objective, searched.settings.grace_epochs, own.margin)


class BehindRule:
    def __init__(self, objective, grace, margin):
        self.objective, self.grace, self.margin = objective, grace, margin
        self.best = {}  # by epoch

    def should_stop(self, number, epoch):
        mine = score_key(self.objective, epoch)  # smaller is better
        best = self.best[epoch.epoch] = min(mine, self.best.get(epoch.epoch, mine))
        return epoch.epoch >= self.grace and mine > best + self.margin * abs(best)

    def ended(self, number, epochs, status):
        for epoch in epochs:
            self.should_stop(number, epoch)


BEHIND = Behind()
