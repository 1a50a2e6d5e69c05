"""The pictures of models of classes: what is written in them, on a page and on a telephone."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest

from foldgrid.analysis.drawing.drawing import Drawing
from foldgrid.analysis.drawing.palette import ROLES
from foldgrid.analysis.drawing.series import MOST_SERIES, series, spread_out
from foldgrid.analysis.exhibits.classes.confusion import ConfusionFacts, draw_confusion
from foldgrid.analysis.exhibits.classes.embedding import EmbeddingFacts, draw_embedding
from foldgrid.analysis.exhibits.classes.reliability import (
    draw_reliability,
    reliability_facts,
    top_class_reliability,
)
from foldgrid.analysis.exhibits.classes.roc_drawing import (
    ModelRoc,
    draw_roc_models,
    draw_roc_panels,
)
from foldgrid.analysis.exhibits.classes.roc_facts import one_vs_rest, operating_facts, roc_facts
from foldgrid.analysis.exhibits.settings_drawing import (
    SettingCurves,
    SettingPoint,
    draw_setting_curves,
)
from foldgrid.metrics.counts import confusion_matrix
from tests.analysis.test_class_stacking import made_up

NAMES = ("psoriasis", "eczema", "healthy")
SUBJECTS = np.repeat(np.arange(30), 4)


def study(num_classes: int = 3, skill: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    probabilities_NLK, truth_N, folds_N = made_up((skill,), num_classes=num_classes)
    return truth_N, probabilities_NLK[:, 0], folds_N


def roc_panels() -> Drawing:
    truth, probabilities, folds = study()
    facts = one_vs_rest(NAMES, SUBJECTS, truth, probabilities, folds, 50)
    return draw_roc_panels("efficientnet_b4", "out of fold", facts)


def roc_models() -> Drawing:
    models = []
    for place in range(3):
        truth, probabilities, _ = study(2, 3.0 - place / 2)
        facts = roc_facts(f"model_{place}", SUBJECTS, truth == 1, probabilities[:, 1], None, 50)
        assert facts is not None
        points = tuple(
            operating_facts(name, SUBJECTS, truth == 1, probabilities[:, 1], threshold, 50)
            for name, threshold in (("high sensitivity", 0.2), ("high specificity", 0.8))
        )
        models.append(ModelRoc(facts, points))
    return draw_roc_models("referable DR", "test", models)


def confusion(num_classes: int = 3) -> Drawing:
    random = np.random.default_rng(0)
    truth = np.arange(20 * num_classes) % num_classes
    decided = np.where(random.uniform(size=len(truth)) < 0.8, truth, 0)
    names = tuple(f"class {place}" for place in range(num_classes))
    counts = confusion_matrix(truth, decided, num_classes)
    return draw_confusion(ConfusionFacts("mean", "test", names, counts))


def reliability() -> Drawing:
    truth, probabilities, _ = study()
    first = top_class_reliability("mean", SUBJECTS, truth, probabilities, num_resamples=50)
    second = reliability_facts("mean", "the decided class", [1, 2], [0, 1], [0.2, 0.9])
    return draw_reliability([first, second], ["out of fold", "test"])


def embedding(num_classes: int = 3) -> Drawing:
    truth, probabilities, _ = study(num_classes)
    coordinates = np.random.default_rng(0).normal(size=(len(truth), 2))
    names = tuple(f"class {place}" for place in range(num_classes))
    decided = probabilities.argmax(axis=1)
    return draw_embedding(EmbeddingFacts("mean", coordinates, names, truth, decided))


def setting_curves() -> Drawing:
    lines = {
        name: tuple(
            SettingPoint(share, 0.8 + share / 10 - place / 50, 0.75, 0.95)
            for share in (0.1, 0.5, 0.9, 1.0)
        )
        for place, name in enumerate(("resnet50", "inception_v3"))
    }
    lines["plain_cnn"] = (SettingPoint(1.0, 0.7),)
    return draw_setting_curves(SettingCurves("share of the images", "AUC", "test", True, lines))


PICTURES: dict[str, Callable[[], Drawing]] = {
    "roc_panels": roc_panels,
    "roc_models": roc_models,
    "confusion": confusion,
    "reliability": reliability,
    "embedding": embedding,
    "embedding_of_many": lambda: embedding(9),
    "setting_curves": setting_curves,
}


@cache
def picture(name: str) -> Drawing:
    """A picture, drawn once."""
    return PICTURES[name]()


def texts(svg: str) -> list[str]:
    """Every text of a picture."""
    return [
        "".join(each.itertext()).strip()
        for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_whole_the_same_every_time_and_of_the_few_colours(name: str) -> None:
    first, again = picture(name), PICTURES[name]()
    assert (first.wide, first.narrow, first.png) == (again.wide, again.narrow, again.png)
    assert first.png.startswith(b"\x89PNG")
    assert len(first.description) > 30
    for svg in (first.svg, first.inline("narrow"), first.inline("wide")):
        ElementTree.fromstring(svg)
    for svg in (first.wide, first.narrow):
        assert texts(svg)
        assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= set(ROLES)


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("name", PICTURES)
def test_no_word_stands_outside_the_picture(name: str, size: str) -> None:
    svg = ElementTree.fromstring(getattr(picture(name), size))
    _, _, width, height = (float(each) for each in svg.attrib["viewBox"].split())
    places = re.findall(
        r'(?:translate\(|x=")([\d.-]+)(?:[ ,]|" y=")([\d.-]+)', ElementTree.tostring(svg).decode()
    )
    assert places
    for x, y in places:
        assert -1 <= float(x) <= width + 1
        assert -1 <= float(y) <= height + 1


def test_areas_are_written_with_their_intervals_and_folds() -> None:
    truth, probabilities, folds = study()
    facts = one_vs_rest(NAMES, SUBJECTS, truth, probabilities, folds, 50)[1]
    drawing = picture("roc_panels")
    assert f"AUC {facts.auc:.2f}" in texts(drawing.wide)
    assert f"folds {facts.fold_mean:.2f} ± {facts.fold_sd:.2f}" in texts(drawing.narrow)
    assert set(NAMES) <= set(texts(drawing.wide))
    low, high = facts.interval.low, facts.interval.high
    assert f"eczema: AUC {facts.auc:.2f} ({low:.2f} to {high:.2f})" in drawing.description


def test_models_and_operating_points_are_named_and_good_ones_seen_closely() -> None:
    drawing = picture("roc_models")
    found = texts(drawing.wide)
    assert {"high sensitivity", "high specificity", "upper left corner"} <= set(found)
    assert sum(each.startswith("model_") for each in found) == 3
    assert "Its point of high sensitivity has a sensitivity of" in drawing.description


@pytest.mark.parametrize("num_classes", [2, 3, 9, 25])
def test_every_count_of_a_confusion_matrix_can_be_read(num_classes: int) -> None:
    drawing = confusion(num_classes)
    for svg in (drawing.wide, drawing.narrow):
        found = texts(svg)
        assert {"truth", "decided for", "units"} <= set(found)
        assert found.count("20") >= num_classes, "the units of every class"
    if num_classes < 9:
        assert any(each.endswith("%") for each in texts(drawing.wide))
    assert "The most frequent mistake: class" in drawing.description


def test_a_confusion_matrix_in_sentences() -> None:
    counts = np.array([[8, 2], [0, 5]])
    found = draw_confusion(ConfusionFacts("m", "test", ("normal", "SSc"), counts)).description
    assert found == (
        "13 of 15 units on the diagonal. normal: 8 of 10. SSc: 5 of 5. "
        "The most frequent mistake: normal taken for SSc, 2 of 10."
    )
    empty = ConfusionFacts("m", "test", ("a", "b"), np.array([[0, 0], [0, 3]]))
    assert empty.row_fractions.tolist() == [[0, 0], [0, 1]]


def test_classes_of_a_plane_are_distinguished_without_colour() -> None:
    assert {"class 0", "class 1", "class 2", "ringed: decided otherwise"} <= set(
        texts(picture("embedding").narrow)
    )
    many = [each for each in texts(picture("embedding_of_many").wide) if each.startswith("class ")]
    assert len(many) == 9
    looks = [series(place) for place in range(MOST_SERIES)]
    assert len({(str(each.dashes), each.colour) for each in looks}) == MOST_SERIES
    assert len({(each.mark, each.is_hollow) for each in looks}) == MOST_SERIES


def test_lines_are_named_and_settings_written() -> None:
    drawing = picture("setting_curves")
    found = texts(drawing.wide)
    assert {"resnet50", "inception_v3", "plain_cnn", "10 %", "50 %", "100 %"} <= set(found)
    assert "share of the images (log scale)" in found
    assert "90 %" not in texts(drawing.narrow), "it would cover 100 %"
    assert "plain_cnn: AUC 0.700 at 100 %." in drawing.description


@pytest.mark.parametrize("wanted", [[5.0, 5.0, 5.0], [0.0, 1.0, 50.0], [90.0, 91.0, 99.0], []])
def test_labels_are_spread_out(wanted: list[float]) -> None:
    places = spread_out(wanted, 10.0, 0.0, 100.0)
    assert all(0 <= each <= 100 for each in places)
    assert all(b - a >= 10 for a, b in zip(sorted(places), sorted(places)[1:], strict=False))
