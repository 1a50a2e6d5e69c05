"""Sweeps on labels, small enough to be launched many times: a simulated study of 20 subjects."""

from __future__ import annotations

SKIN = """\
title: a tiny sweep on labels
task: {name: classification, classes: {normal: [normal], SSc: [early, late]}}
data:
  tile_pixels: 32
  synthetic: {study: ssc_skin, num_subjects: 20, photo_width: 48, photo_height: 48}
split: {num_folds: 2, num_seeds: 20, test_fraction: 0.2}
backbones: [squeezenet1_1]
weights: none
training:
  max_epochs: 3
  max_batches_per_epoch: 2
  batch_size: 8
  learning_rate: 0.003
  start_from_mean: true
"""
VARIED = SKIN + "ablation: {training_fraction: [0.5], normalization: [minus_one_to_one]}\n"
IN_CASES = SKIN.replace("study: ssc_skin", "study: aidda").replace(
    "classes: {normal: [normal], SSc: [early, late]}", "classes: []"
)
SEARCHED = SKIN + "search_space: lr_plateau\n"
