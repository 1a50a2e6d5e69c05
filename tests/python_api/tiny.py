"""Overrides that make any shipped sweep of visits tiny: one backbone, two folds, small pictures."""

from __future__ import annotations

from typing import Any

TINY_OVERRIDES: dict[str, Any] = {
    "data.tile_pixels": 16,
    "data.synthetic": {"num_subjects": 8, "num_visits": 40, "photo_width": 48, "photo_height": 32},
    "split": {"num_folds": 2, "num_seeds": 20, "test_share": 0.2},
    "backbones": ["shufflenet_v2_x0_5"],
    "weights": "none",
    "training.max_epochs": 2,
    "training.max_batches_per_epoch": 2,
    "training.batch_size": 8,
}
