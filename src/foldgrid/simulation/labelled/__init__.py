"""Small simulated studies of single photographs: ordinary photographs with an ordinary manifest.

A study is a plan (who has what, on which photographs) and a painter (what one photograph shows).
The skin, light, camera and random streams are the synthetic PASI trial's.

    shots -> skin_patch -> ssc_skin, skin_thickness, aidda, skin_taxonomy (lesion, lesion_tree)
    shots -> fundus -> referable_dr
    writing (the folder, complete or absent)
"""

from foldgrid.simulation.labelled.writing import STUDY_VERSION, synthesize_study

__all__ = ["STUDY_VERSION", "synthesize_study"]
