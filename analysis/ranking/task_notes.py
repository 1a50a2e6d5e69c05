"""What only the task can say of a ranking: what is predicted, on which scale, by what combined."""

from __future__ import annotations

from analysis.evaluation import Judgement
from analysis.predictions.notes import Note
from foldgrid.tasks.scoring import Scoring


def output_note(judgement: Judgement) -> Note:
    """What the models predict, what the figures compare, and which end is better."""
    scoring = judgement.table.scoring
    text = f"{scoring.explained(judgement.parts)} {_directions(scoring)}"
    return Note(topic="output", text=text)


def _directions(scoring: Scoring) -> str:
    ends = {"lower": "lower is better", "higher": "higher", "zero": "nearer to 0"}
    told = []
    for direction, words in ends.items():
        shown = [scoring.metrics[name] for name in scoring.shown]
        titles = [metric.title for metric in shown if metric.direction == direction]
        if titles:
            listed = " and ".join([", ".join(titles[:-1]), titles[-1]]) if titles[1:] else titles[0]
            told.append(f"{listed}: {words}")
    text = "; ".join(told)
    return f"{text if 'better' in text else text + ' is better'}."


def scale_notes(judgement: Judgement) -> list[Note]:
    """What figures of this task are held against."""
    yardstick = judgement.table.scoring.yardstick
    return [Note(topic="raters", text=yardstick)] if yardstick else []


def stacking_note(judgement: Judgement) -> Note:
    """How the meta-learners combine."""
    words = judgement.table.scoring.stacking_words(len(judgement.meta_learners))
    return Note(topic="stacking", text=words)
