"""Two pictures laid over each other: how turned and cropped, how far moved, and how alike.

Knows pixels; nothing of hashes, files or studies.
Shape letters: H rows, W columns, C channels, P pixels, T turned and cropped forms.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Floats = NDArray[np.float32]

LAID_PIXELS = 48
LAID_CROPS = (0.0, *(round(0.005 * step, 3) for step in range(4, 25)))
SMOOTHED = 0.8
NUM_STEPS = 6
LAID_DETAIL = 2.5
FINE_PIXELS, FINE_DETAIL = 96, 1.0
"""The side at which the finest details are compared, and how far around a pixel they are taken."""
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def laid_forms(picture_HWC: NDArray[np.uint8]) -> Floats:
    """A picture's details in all forms in which it is laid over another: crops, turned, mirrored.

    Returns:
        (T, P), each with mean 0 and length 1; the picture as it is comes first.
    """
    grey = as_grey(picture_HWC)
    forms = []
    for crop in LAID_CROPS:
        whole = details(square(grey, LAID_PIXELS, crop), LAID_DETAIL)
        forms += [_turned(whole, turn).ravel() for turn in range(8)]
    stacked = np.stack(forms)
    stacked -= stacked.mean(axis=1, keepdims=True)
    return np.asarray(
        stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-6), np.float32
    )


def _turned(picture_HW: Floats, turn: int) -> Floats:
    """Turned by quarters, those mirrored when the number is odd: eight forms."""
    turned = np.rot90(picture_HW, turn // 2)
    return turned[:, ::-1] if turn % 2 else turned


def correlation(one_TP: Floats, other_TP: Floats) -> float:
    """The best correlation of one whole picture with any form of the other, either way round."""
    return float(max((one_TP @ other_TP[0]).max(), (other_TP @ one_TP[0]).max()))


@dataclass(frozen=True)
class Overlay:
    """One picture laid over another as well as can be.

    Attributes:
        correlation: Of their details, -1 to 1.
        crop: What the form cuts off each side of one of them; 0: both are whole.
        shift: How far it had to be moved, sheared or stretched besides, in halves of a side.
        precision: Standard error of ``shift``: where there is little detail, it is known badly.
        turn: In which of eight ways it is turned or mirrored.
        is_first: Whether the first picture is the one that is cropped, turned and moved.
        pose: Where it lies, as six numbers of an affine map.
    """

    correlation: float
    crop: float
    shift: float
    precision: float
    turn: int
    is_first: bool
    pose: NDArray[np.float64] = field(repr=False)


def lay_over(one_TP: Floats, other_TP: Floats) -> Overlay:
    """Lay the best form of one picture over the whole other, and move it until it fits.

    Args:
        one_TP: `laid_forms` of a picture.
        other_TP: Of another.
    """
    ahead, back = one_TP @ other_TP[0], other_TP @ one_TP[0]
    is_first = bool(ahead.max() >= back.max())
    forms, goal, products = (
        (one_TP, other_TP[0], ahead) if is_first else (other_TP, one_TP[0], back)
    )
    place, shape = int(products.argmax()), (LAID_PIXELS, LAID_PIXELS)
    crop, turn = LAID_CROPS[place // 8], place % 8
    form_HW, goal_HW = forms[place].reshape(shape).astype(np.float64), goal.reshape(shape)
    if crop:
        # A crop is a little off; what is finer than two pixels would lead the steps astray.
        form_HW, goal_HW = (ndimage.gaussian_filter(each, SMOOTHED) for each in (form_HW, goal_HW))
    spline, target = ndimage.spline_filter(form_HW, 3), goal_HW[INNER]
    pose = UNMOVED
    best = Overlay(-1.0, crop, 0.0, 0.0, turn, is_first, pose)
    for _ in range(NUM_STEPS):
        moved = _moved(spline, pose)
        rise_down, rise_across = (each * LAID_PIXELS / 2 for each in np.gradient(moved))
        slopes = [rise * way for rise in (rise_across, rise_down) for way in (ACROSS, DOWN, ONES)]
        design = np.stack([each[INNER] for each in (*slopes, moved, ONES)], axis=1)
        solved, *_ = np.linalg.lstsq(design, target, rcond=None)
        gain = max(float(solved[6]), 0.2)
        correlation_now = float(np.corrcoef(moved[INNER], target)[0, 1])
        if correlation_now > best.correlation:
            shift = float(np.abs(pose - UNMOVED).max())
            noise = ((target - design @ solved) ** 2).mean()
            errors = np.sqrt(noise * np.linalg.pinv(design.T @ design).diagonal()[:6]) / gain
            best = Overlay(correlation_now, crop, shift, float(errors.max()), turn, is_first, pose)
        step, before = np.reshape(solved[:6] / gain, (2, 3)), np.reshape(pose, (2, 3))
        if np.abs(step).max() < 1e-4:
            break
        moved_on = before[:, 2] + before[:, :2] @ step[:, 2]
        turned = before[:, :2] @ (step[:, :2] + np.eye(2))
        pose = np.column_stack([turned, moved_on]).ravel()
    return best


def fine_correlation(
    one_HWC: NDArray[np.uint8], other_HWC: NDArray[np.uint8], overlay: Overlay
) -> float:
    """How far the finest details of two pictures agree where one lies over the other, -1 to 1.

    Grain, pores and the marks of a JPEG are the same in a copy and others in the next picture,
    however alike what both show.

    Args:
        one_HWC: RGB.
        other_HWC: Another.
        overlay: What `lay_over` found of them.
    """
    form_HWC, goal_HWC = (one_HWC, other_HWC) if overlay.is_first else (other_HWC, one_HWC)
    form = _turned(square(as_grey(form_HWC), FINE_PIXELS, overlay.crop), overlay.turn)
    moved = _moved(ndimage.spline_filter(form.astype(np.float64), 3), overlay.pose)
    goal, inner = square(as_grey(goal_HWC), FINE_PIXELS, 0.0), _inner(FINE_PIXELS)
    ours, theirs = (details(each.astype(np.float32), FINE_DETAIL)[inner] for each in (moved, goal))
    return float(np.corrcoef(ours, theirs)[0, 1])


def _moved(spline_HW: NDArray[np.float64], pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """A square picture, by its spline's coefficients, where an affine map puts it."""
    pixels = len(spline_HW)
    down_HW, across_HW = _grid(pixels)
    across = pose[0] * across_HW + pose[1] * down_HW + pose[2]
    down = pose[3] * across_HW + pose[4] * down_HW + pose[5]
    at = [(each + 1) / 2 * pixels - 0.5 for each in (down, across)]
    return np.asarray(
        ndimage.map_coordinates(spline_HW, at, order=3, mode="nearest", prefilter=False)
    )


def _grid(pixels: int) -> list[NDArray[np.float64]]:
    centres = (np.arange(pixels) + 0.5) / pixels * 2 - 1
    return list(np.meshgrid(centres, centres, indexing="ij"))


def _inner(pixels: int) -> NDArray[np.bool_]:
    down_HW, across_HW = _grid(pixels)
    return np.maximum(np.abs(down_HW), np.abs(across_HW)) < 0.95


DOWN, ACROSS = _grid(LAID_PIXELS)
INNER = _inner(LAID_PIXELS)
ONES = np.ones_like(DOWN)
UNMOVED = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])


def as_grey(picture_HWC: NDArray[np.uint8]) -> Image.Image:
    """Its brightness."""
    return Image.fromarray(np.asarray(picture_HWC @ GREY, dtype=np.float32))


def square(grey: Image.Image, pixels: int, crop: float) -> Floats:
    """The picture without ``crop`` of each side, squeezed or stretched into a square."""
    width, height = grey.size
    box = (crop * width, crop * height, (1 - crop) * width, (1 - crop) * height)
    small = grey.resize((pixels, pixels), Image.Resampling.BICUBIC, box=box)
    return np.asarray(small, dtype=np.float32)


def details(grey_HW: Floats, around: float) -> Floats:
    """Each pixel less its surroundings' mean, by their contrast: what makes a picture this one.

    Without it all pictures of one kind (a fundus in its black frame, a mole in the middle) would
    resemble each other more than a picture its copy.

    Args:
        grey_HW: A square picture.
        around: How far around a pixel its usual brightness and contrast are taken.
    """
    apart = grey_HW - ndimage.gaussian_filter(grey_HW, around, mode="nearest")
    contrast = np.sqrt(ndimage.gaussian_filter(apart**2, around, mode="nearest"))
    # Where there is next to nothing, next to nothing counts: noise is not blown up to details.
    floor = 0.1 * float(np.sqrt((apart**2).mean())) + 0.3
    return np.asarray(apart / (contrast + floor), dtype=np.float32)
