"""The embedded synthetic trial: a seeded simulation of the UltIMMa-2 imaging sub-study.

It is written as ordinary photographs with an ordinary manifest, and read back like a user's own.
Nothing else of the project may know how it is made; it knows nothing of models or training.

    streams -> course (scores, no pixels)
    fields -> frame -> surface -> body -> arm, legs, trunk -> body_parts
    traits -> plaques -> skin, lighting -> photograph (a scene in linear light)
    plan (what to take) -> session (camera, JPEG) -> writing (the folder, complete or absent)
    sheet (a picture of it all, for people)
"""

from foldgrid.simulation.pasi.writing import SIMULATION_VERSION, synthesize_trial
from foldgrid.specs.synthetic import TrialSettings

__all__ = [
    "SIMULATION_VERSION",
    "TrialSettings",
    "synthesize_trial",
]
