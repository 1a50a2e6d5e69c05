"""The CNN lecture's figures: each is torchvision's, or its difference has a reason."""

from __future__ import annotations

import math

import pytest

from foldgrid.describe.comparison import compare_networks
from foldgrid.describe.lecture import (
    TOTAL,
    LectureRow,
    lecture_comparison,
    lecture_comparison_notes,
    lecture_differences,
    lecture_notes,
    lecture_rows,
    num_lecture_values,
)
from foldgrid.describe.structure import describe
from foldgrid.models import known_backbones
from foldgrid.models.footprint import count_operations
from foldgrid.specs.architectures import find_architecture, known_architectures

NETWORKS = ("alexnet", "vgg16", "googlenet", "resnet18")


def rows(network: str) -> list[LectureRow]:
    """The layers of a table, without its total and the quiz."""
    found = [row for row in lecture_rows() if row.network == network]
    return [row for row in found if row.layer != TOTAL and not row.layer.startswith("quiz")]


def kernel(row: LectureRow) -> tuple[int, int]:
    height, width = (row.cells["kernel"] or "1x1").split("x")
    return int(height), int(width)


def num_parameters(row: LectureRow, depth_in: int) -> int:
    """The lecture's formula: F x F x D1 x K + K."""
    if "pool" in row.layer:
        return 0
    height, width = kernel(row)
    return (height * width * depth_in + 1) * int(row.depth_out)


def multiply_adds(row: LectureRow) -> int:
    """The lecture's formula: W2 x H2 x D2 x F x F x D1."""
    volume = row.cells["output"] or f"1x1x{row.depth_out}"
    return math.prod(map(int, volume.split("x"))) * math.prod(kernel(row)) * depth(row)


def depth(row: LectureRow) -> int:
    return int(row.cells["depth_in"])


@pytest.mark.parametrize("network", NETWORKS)
def test_every_difference_has_a_reason_and_every_reason_a_difference(network: str) -> None:
    differences = lecture_differences(network)
    notes = lecture_notes(network)
    for each in differences:
        assert any(note.covers(each.layer, each.field) for note in notes), each
    for note in notes:
        for pattern in note.layers:
            alone = note.model_copy(update={"layers": (pattern,)})
            assert any(alone.covers(each.layer, each.field) for each in differences), pattern
        for field in note.fields:
            alone = note.model_copy(update={"fields": (field,)})
            assert any(alone.covers(each.layer, each.field) for each in differences), field


@pytest.mark.parametrize(
    ("network", "num_values", "num_same"),
    [("alexnet", 67, 43), ("vgg16", 124, 122), ("googlenet", 514, 387), ("resnet18", 138, 114)],
)
def test_how_much_is_the_same(network: str, num_values: int, num_same: int) -> None:
    assert num_lecture_values(network) == num_values
    assert num_values - len(lecture_differences(network)) == num_same


@pytest.mark.parametrize("network", NETWORKS)
def test_the_printed_parameters_follow_from_the_printed_kernels_and_add_up(network: str) -> None:
    total = next(r for r in lecture_rows() if r.network == network and r.layer == TOTAL)
    printed = [row for row in rows(network) if row.cells["parameters"]]
    assert sum(int(row.cells["parameters"]) for row in printed) == int(total.cells["parameters"])
    wrong = [
        row.layer
        for row in printed
        if int(row.cells["parameters"]) != num_parameters(row, depth(row))
    ]
    assert wrong == (["maxpool2"] if network == "vgg16" else [])


@pytest.mark.parametrize("network", NETWORKS)
def test_the_printed_sizes_follow_from_the_size_formula(network: str) -> None:
    checked = 0
    for row in rows(network):
        is_padding_known = row.cells["padding"] or "pool" in row.layer
        if not (row.cells["input"] and row.cells["stride"] and is_padding_known):
            continue
        high, stride = int(row.cells["input"].split("x")[0]), int(row.cells["stride"])
        free = high - kernel(row)[0] + 2 * float(row.cells["padding"] or 0)
        assert math.floor(free / stride) + 1 == int(row.cells["output"].split("x")[0]), row
        checked += 1
    assert checked >= 5


def test_the_lecture_s_quizzes() -> None:
    first = rows("alexnet")[0]
    assert num_parameters(first, 3) == (11 * 11) * 3 * 96 + 96 == 34_944
    assert multiply_adds(first) == (55 * 55 * 96) * (11 * 11) * 3
    dense = next(row for row in rows("alexnet") if row.layer == "fc6")
    assert num_parameters(dense, 6 * 6 * 256) == 37_752_832
    quiz = next(row for row in lecture_rows() if row.layer == "quiz-fc6")
    assert int(quiz.cells["parameters"]) == 6 * 6 * 256 * 4096 + 1 != 37_752_832
    ours = {layer.name: layer for layer in describe("alexnet", 1000, 224).layers}
    assert ours[dense.ours].parameters == 37_752_832


def test_the_numbers_in_the_notes_are_right() -> None:
    alexnet = {row.layer: row for row in rows("alexnet")}
    halves = {name: num_parameters(alexnet[name], depth(alexnet[name]) // 2) for name in alexnet}
    towers = {name: halves[name] for name in ("conv2", "conv4", "conv5")}
    assert list(towers.values()) == [307_456, 663_936, 442_624]
    whole = sum(num_parameters(row, depth(row)) for row in alexnet.values())
    ungrouped = sum(num_parameters(alexnet[name], depth(alexnet[name])) for name in towers)
    assert whole - ungrouped + sum(towers.values()) == 60_965_224
    computing = [row for name, row in alexnet.items() if "pool" not in name]
    assert round(sum(map(multiply_adds, computing)) / 1e9, 2) == 1.14
    layers = {layer.name: layer for layer in describe("googlenet", 1000, 224).layers}
    convolutions = [row for row in rows("googlenet") if row.cells["parameters"]]
    right = [num_parameters(row, layers[row.ours].input[-1]) for row in convolutions]
    assert sum(right) == 6_998_552
    shortcuts = [
        layer.parameters
        for layer in describe("resnet18", 1000, 224).layers
        if layer.name.endswith("downsample.0")
    ]
    assert (len(shortcuts), sum(shortcuts)) == (3, 172_032)
    assert count_operations("vgg16", 1000, 224).num_parameters == 138_423_208 - 65_664
    giga = {
        name: count_operations(name, 1000, 224).multiply_adds / 1e9 for name in ("vgg16", "vgg19")
    }
    assert (round(giga["vgg16"], 1), round(giga["vgg19"], 1)) == (15.5, 19.6)


def test_every_difference_from_the_lecture_s_comparison_has_a_reason() -> None:
    networks = {
        each.backbone: each
        for each in compare_networks([row["ours"] for row in lecture_comparison()], 1000)
    }
    differing = set()
    for row in lecture_comparison():
        ours = networks[row["ours"]]
        assert ours.architecture is not None
        assert int(row["year"]) == ours.architecture.year
        for field, unit, found in (
            ("top5_accuracy", "%", ours.torchvision_top5),
            ("parameters", "M", ours.num_parameters / 1e6),
            ("multiply_adds", "B", ours.multiply_adds / 1e9),
        ):
            printed = row[field].removesuffix(unit)
            decimals = len(printed.partition(".")[2])
            assert found is not None
            if round(found, decimals) != float(printed):
                differing.add((row["network"], field))
    explained = {
        (layer, field)
        for note in lecture_comparison_notes()
        for layer in note.layers
        for field in note.fields
    }
    assert explained == differing
    assert ("VGGNet", "parameters") not in differing


def test_every_network_has_one_architecture_and_its_paper_s_numbers_are_its_own() -> None:
    covered = [name for each in known_architectures() for name in each.backbones]
    assert sorted(covered) == list(known_backbones())
    years = [each.year for each in known_architectures()]
    assert years == sorted(years)
    for each in known_architectures():
        assert set(each.top5_error) <= set(each.backbones)
        assert bool(each.top5_error) == bool(each.conditions)
        # A terminal of any encoding shows them.
        assert (each.paper + each.idea + each.note).isascii()
        assert all(2 < error < 30 for error in each.top5_error.values())
    assert find_architecture("resnet35") is None


def test_a_comparison_begins_with_the_oldest() -> None:
    found = compare_networks(["resnet18", "vgg11", "alexnet"], 4, 64)
    assert [each.backbone for each in found] == ["alexnet", "vgg11", "resnet18"]
    assert found[0].paper_top5 == 81.8
    assert found[2].paper_top5 is None
    assert {each.pixels for each in found} == {64}
    assert found[2].multiply_adds == count_operations("resnet18", 4, 64).multiply_adds
