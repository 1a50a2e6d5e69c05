"""What one must know of a sweep's figures, said beside them."""

from __future__ import annotations

from foldgrid.specs.base import Spec


class Note(Spec):
    """Something to know before believing a figure.

    Attributes:
        topic: One or two words.
        text: A sentence or two.
        is_warning: Whether it changes what the figures mean.
    """

    topic: str
    text: str
    is_warning: bool = False

    @property
    def markdown(self) -> str:
        """The topic, of a warning in bold, and the text."""
        return f"{f'**{self.topic}**' if self.is_warning else self.topic}: {self.text}"
