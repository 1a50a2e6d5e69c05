"""Facts in, pictures out: SVG for the report, SVG and PNG for papers and slides.

Knows facts and how to draw them, not where they come from: no run folder, no evaluation, nothing
is computed here that a reader would quote. Every figure is drawn twice, for a page and for a
telephone, because a wide picture that is shrunk cannot be read.
"""

from __future__ import annotations
