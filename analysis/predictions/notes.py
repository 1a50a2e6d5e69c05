"""Notes: what one must know of a sweep's metric values, said beside them, each kind with a code.

Knows no ranking and no comparison: they word the notes, and say here what each kind means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import model_validator

from foldgrid.specs.base import Spec


@dataclass(frozen=True)
class NoteKind:
    """One thing that is said of rankings and comparisons, whatever a run makes of it.

    Attributes:
        code: FG6 or FG7 and two digits; never given to another kind once it was published.
        topic: One or two words; the key of every note of this kind.
        title: What a note of this kind answers, in a few words.
        meaning: What it means for the metric values.
        advice: What to do about it; "" where nothing is to be done.
        source: The literature behind it; "" where there is none.
        is_always_said: Whether it stands beside a table even where it is no warning.
    """

    code: str
    topic: str
    title: str
    meaning: str
    advice: str = ""
    source: str = ""
    is_always_said: bool = False


RANDOM_FEATURES = "random features"
"""The topic of the note that comes before all others: networks that were never trained."""

KINDS: tuple[NoteKind, ...] = (
    NoteKind(
        "FG601",
        "budget",
        "How long the fits trained",
        "Under the smoke budget a fit sees a few batches: that shows that everything works, and no "
        "value of it is a result. Between two runs, unlike amounts of training alone can make the "
        "difference.",
        "Launch with `--budget paper`, which trains in full. Compare runs of one budget.",
    ),
    NoteKind(
        "FG602",
        "stopping",
        "What chose the last epoch of each fit",
        "`inner_split` stops on subjects of the fit's own training folds, so out-of-fold "
        "predictions are of people that chose nothing. `held_out_fold` stops on the very fold that "
        "is then predicted: out-of-fold values are optimistic by an unknown amount. `none` chooses "
        "nothing; the last weights predict.",
        "Set `training.early_stopping.policy` to `inner_split`, unless a published study that "
        "stopped on its held-out fold is to be repeated.",
        "Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804",
    ),
    NoteKind(
        "FG603",
        "weights",
        "Where the first weights came from",
        "Networks that start from random weights need far more data and epochs than pre-trained "
        "ones. Where some start pre-trained and others do not, the order says more of the start "
        "than of the architecture.",
        "`launch --weights fetch` downloads what is missing and trains those fits anew.",
    ),
    NoteKind(
        "FG604",
        "synthetic data",
        "The photographs are drawn by a program",
        "No patient was photographed and nobody gave a score. The values show what the method "
        "does, not what it would do in a clinic.",
        "Give photographs of your own: `--data manifest.csv`.",
    ),
    NoteKind(
        "FG605",
        "data",
        "Which photographs these are",
        "Values of different photographs do not compare: another cohort is easier or harder.",
        is_always_said=True,
    ),
    NoteKind(
        "FG606",
        "left out",
        "What is planned or there, and is not ranked",
        "A base learner is ranked when all of its folds are complete, for only then is every "
        "training subject predicted out of fold. A visit is evaluated when every part of it was "
        "photographed. A ranking that lacks some is provisional: who is missing might be the best.",
        "Launch the sweep again: it trains only what is missing. Of a base learner that diverged, "
        "lower the learning rate.",
    ),
    NoteKind(
        "FG607",
        "order",
        "What orders the table, and why the test set does not",
        "Rows are ordered by out-of-fold values: every training subject is predicted by the fit "
        "that did not see it. A test set of few subjects would order models by luck, and a best "
        "model that was chosen on it would look better than it is.",
        "Order by another metric with `rank --by`. Report the test value of the model that the "
        "out-of-fold values chose.",
    ),
    NoteKind(
        "FG608",
        "output",
        "What the models predict, and which end of a metric is better",
        "It names the target, the unit that is evaluated (a visit, a photograph), and the range.",
    ),
    NoteKind(
        "FG609",
        "split",
        "How unlike training and test subjects are",
        "The split is the most balanced of many random ones; 0 is a perfect balance. Where it is "
        "large, test and out-of-fold values differ for that alone.",
        "Raise `split.num_seeds`; very few subjects cannot be balanced.",
    ),
    NoteKind(
        "FG610",
        "raters",
        "How far people differ who score the same photographs",
        "An error near the difference between trained raters can hardly be distinguished from "
        "theirs.",
    ),
    NoteKind(
        "FG611",
        "stacking",
        "How the meta-learners combine base learners",
        "Each is fitted to the out-of-fold predictions of the training subjects and predicts those "
        "of a fold from the other folds, so its own values are out of fold, too.",
        source="Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1",
    ),
    NoteKind(
        "FG612",
        "checks",
        "What the checks of the run folder said",
        "Checks look for what could make values wrong: subjects on both sides of the split, "
        "records that were altered, fits that are not alike. A check without anything to look at "
        "is not applicable, and not passed.",
        "`foldgrid check RUN` runs them all and names every place.",
        is_always_said=True,
    ),
    NoteKind(
        "FG613",
        "LABEL PERMUTATION",
        "The run is a label-permutation test, and no result",
        "Every subject was given the target of a random other one, so nothing can be learned. "
        "Skill that remains is a leak: between training and held-out subjects, or of the target.",
        "See FG501 for what the test says of the sweep itself.",
        "Ojala and Garriga 2010, JMLR 11:1833-1863",
    ),
    NoteKind(
        "FG614",
        "not saved",
        "The ranking could not be written into the run folder",
        "What is shown is computed now and correct; the next reader computes it again.",
        "Make the run folder writable, or copy it.",
    ),
    NoteKind(
        "FG615",
        "versions",
        "Two runs were trained by unlike versions of the program",
        "The versions train differently by design (result_format), so a difference between the "
        "runs need not come from their settings.",
        "Launch the older sweep again.",
    ),
    NoteKind(
        "FG616",
        "cause",
        "In which settings two runs differ",
        "A difference can be put down to a setting only where nothing else differs. Between runs "
        "that differ in the seed alone it is the noise of training.",
        "Change one setting at a time, and repeat with another seed.",
        "Bouthillier et al. 2021, arXiv:2103.03098",
    ),
    NoteKind(
        "FG617",
        "given",
        "Base learners that were not trained here",
        "A table of predictions says nothing of how it was made. The split is the sweep's own, and "
        "whoever made the predictions may have trained on the very photographs that they are of: "
        "then their out-of-fold values are too good, and so are those of meta-learners that "
        "combine them.",
        "Ask which photographs the model has seen. Quote the ranking with and without it.",
        is_always_said=True,
    ),
    NoteKind(
        "FG618",
        RANDOM_FEATURES,
        "Which networks were never trained",
        "A frozen network with random weights gives features that nobody learned; its head makes "
        "the best of them. The order then compares untrained networks, which says nothing of what "
        "they can learn.",
        "`launch --weights fetch` downloads pre-trained weights; `--budget paper` trains.",
    ),
    NoteKind(
        "FG701",
        "baseline",
        "Whether any model beats predicting the mean",
        "The baseline says the same of everybody. Where no model can be distinguished from it, "
        "nothing was learned that helps to predict, whatever the order of the rows.",
        "Train longer, start from pre-trained weights, or have more subjects.",
    ),
    NoteKind(
        "FG702",
        "ties",
        "Who cannot be distinguished from the best",
        "Models marked ~ differ from the best by no more than chance explains: paired differences "
        "by subject, at 5 % for all of them together, and for the best having been picked from the "
        "same data (studentised range). A tied model may well be the better one.",
        "Among tied models choose by size, speed or calibration. More subjects tell more apart; "
        "more epochs of the same subjects do not.",
        "Tukey 1949, doi:10.2307/3001913",
        is_always_said=True,
    ),
    NoteKind(
        "FG703",
        "selection",
        "What the best is worth, corrected for having been chosen",
        "The best of many is partly the luckiest, so its value is too good. The corrected value "
        "is what choosing the best base learner is worth on subjects that did not choose it. It "
        "equals the table's where there is nothing to choose. What a metric is off by because "
        "there are few subjects is in both values; of a metric that is best at zero, such as the "
        "bias, there is no corrected value.",
        "Quote the corrected value and its interval.",
        "Tsamardinos et al. 2018, doi:10.1007/s10994-018-5714-4",
        is_always_said=True,
    ),
    NoteKind(
        "FG704",
        "intervals",
        "What the 95 % intervals cover",
        "Whole subjects are drawn again and again, because photographs of one person resemble "
        "each other. They cover that other subjects might have been there, not that another seed "
        "would train other networks. Of 6 subjects about 85 to 90 % of them hold the true value. A "
        "value of a part, such as the sensitivity of a rare class, is as uncertain as the part's "
        "own subjects make it.",
        "Run the sweep with another `seed` to see that noise.",
        "Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x",
    ),
    NoteKind(
        "FG705",
        "rules",
        "By which rules the values were made",
        "A version of the program may correct how a value is made. A run folder that was ranked "
        "before is ranked anew by the new rules, from the same predictions, and its values differ "
        "from those that were noted or published then.",
        "Quote the version with the value. The changelog lists each kind of value that changed.",
        is_always_said=True,
    ),
    NoteKind(
        "FG706",
        "folds",
        "Which units an AUC compares",
        "Out-of-fold predictions are of several fits. The one that held a fold with many positives "
        "out was trained on fewer, so its probabilities are lower, and comparing them with another "
        "fit's puts an AUC below what each fit has: 0.26 to 0.49 where nothing was learned. So "
        "units of one fold are compared, and chance is 0.5. A fold without units of both classes "
        "has nothing to compare. The test set is predicted by all fits together.",
        "Stratify the folds (`split`), or have fewer of them, where one lacks a class.",
        "Parker, Guenter and Bedo 2007, doi:10.1186/1471-2105-8-326",
    ),
)
"""Every kind of note, in the order of the codes."""

CODES: Mapping[str, str] = MappingProxyType(
    {kind.topic: kind.code for kind in KINDS} | {"CANARY": "FG613"}
)
"""The code of each topic, the earlier ones of stored notes included.

A note that repeats a check has the check's code as its topic.
"""

_ALWAYS_SAID = frozenset(kind.code for kind in KINDS if kind.is_always_said)

BRIEF = 71
"""Characters of a note's one line that fit behind its code at 80 columns."""

_CHECK = re.compile(r"FG\d{3}")
_END_OF_SENTENCE = re.compile(r"(?<=[.!?]) ")


class Note(Spec):
    """Something to know before believing a metric value.

    Attributes:
        topic: That of its kind in ``KINDS``, or the code of the check that it repeats.
        text: A sentence or two.
        is_warning: Whether it changes what the values mean.
        brief: The same in one line; "" where the first sentence is short enough.
        code: Of its kind or check; found by the topic, so notes stored without one have it, too.
    """

    topic: str
    text: str
    is_warning: bool = False
    brief: str = ""
    code: str = ""

    @model_validator(mode="before")
    @classmethod
    def _with_code(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("code"):
            return values
        topic = values.get("topic")
        code = topic if _CHECK.fullmatch(str(topic)) else CODES.get(str(topic))
        if code is None:
            raise ValueError(f'a note of no kind: "{topic}". Known: {", ".join(CODES)}')
        return {**values, "code": code}

    @property
    def is_needed(self) -> bool:
        """Whether it must be known before a table is believed; the rest can wait for the report."""
        return self.is_warning or self.code in _ALWAYS_SAID

    @property
    def line(self) -> str:
        """Its one line: the brief one, else its first sentence."""
        return self.brief or _END_OF_SENTENCE.split(self.text)[0]

    @property
    def heading(self) -> str:
        """The topic as it begins a sentence."""
        return f"{self.topic[:1].upper()}{self.topic[1:]}"

    @property
    def markdown(self) -> str:
        """The topic, of a warning in bold, the code, and the text."""
        topic = f"**{self.topic}**" if self.is_warning else self.topic
        code = "" if self.code == self.topic else f" ({self.code})"
        return f"{topic}{code}: {self.text}"


def synthetic_data_note() -> Note:
    """That nothing here is of patients."""
    [kind] = [kind for kind in KINDS if kind.topic == "synthetic data"]
    return Note(
        topic=kind.topic,
        text=f"{kind.title}. {kind.meaning}",
        is_warning=True,
        brief="The photographs are drawn by a program: no patients.",
    )
