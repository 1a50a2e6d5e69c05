from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.execution.resources import (
    FRACTION_CLASSES,
    Node,
    choose_fraction,
    memory_on_card,
    plan_resources,
)
from foldgrid.models.footprint import footprint
from foldgrid.specs.errors import SweepError
from foldgrid.specs.sweep import ResourceSpec


@given(st.floats(0.01, 200), st.floats(1, 200))
def test_the_fraction_is_the_smallest_class_that_holds_the_fit(need: float, card: float) -> None:
    fraction = choose_fraction(need, card)
    assert fraction in FRACTION_CLASSES
    if fraction < 1:
        assert need <= fraction * card
    smaller = [each for each in FRACTION_CLASSES if each < fraction]
    assert all(need > each * card * 0.85 for each in smaller)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_a_larger_fit_never_gets_a_smaller_fraction(one: float, other: float) -> None:
    assert choose_fraction(min(one, other), 24.0) <= choose_fraction(max(one, other), 24.0)


def test_a_fit_larger_than_the_card_gets_a_whole_one() -> None:
    assert choose_fraction(500.0, 24.0) == 1.0


def test_cores_bound_the_fits_at_a_time() -> None:
    plan = plan_resources(ResourceSpec(cpus_per_fit=1), {})
    assert 1 <= plan.num_concurrent <= plan.num_cpus
    everything = plan_resources(ResourceSpec(cpus_per_fit=plan.num_cpus), {})
    assert everything.num_concurrent == 1
    one = plan_resources(ResourceSpec(max_concurrent=1), {})
    assert (one.num_concurrent, one.num_cpus_of_ray) == (1, 1)
    assert plan.num_cpus_of_ray == plan.num_cpus


def test_a_fit_that_wants_more_cores_than_there_are_still_runs() -> None:
    plan = plan_resources(ResourceSpec(cpus_per_fit=4096), {})
    assert plan.num_concurrent == 1
    assert plan.num_cpus >= plan.cpus_per_fit


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without GPUs")
def test_gpus_that_are_not_there_are_refused_and_not_waited_for() -> None:
    spec = ResourceSpec(gpus_per_fit=1.0)
    with pytest.raises(SweepError, match="this machine has 0 GPUs"):
        plan_resources(spec, {})
    with pytest.raises(SweepError, match="at most 0 GPUs"):
        plan_resources(spec, {}, [Node("small", 8)])
    assert plan_resources(spec, {}, [Node("large", 8, 1, "A100", 40.0)]).gpus_per_fit == 1.0
    # Those that the autoscaler has yet to start.
    assert plan_resources(spec, {}, []).gpus_per_fit == 1.0


T4 = Node("old", 8, 2, "T4", 16.0)
A100 = Node("new", 32, 4, "A100", 80.0)
CORES = Node("cores", 64)


def test_a_network_that_a_card_does_not_hold_goes_to_one_that_does() -> None:
    needs = {"small": 3.0, "large": 20.0}
    plan = plan_resources(ResourceSpec(), needs, [T4, A100, CORES])
    assert [slot.card for slot in plan.slots_of("small")] == ["T4", "A100"]
    assert [slot.card for slot in plan.slots_of("large")] == ["A100"]
    # Each kind by the largest fit that it holds.
    assert {slot.card: slot.gpus for slot in plan.slots} == {"T4": 0.25, "A100": 0.5}
    assert {slot.card: slot.num_concurrent for slot in plan.slots} == {"T4": 8, "A100": 8}
    assert plan.unused_gpus == {}


def test_what_no_card_holds_has_the_largest_whole() -> None:
    plan = plan_resources(ResourceSpec(), {"huge": 200.0}, [T4, A100])
    assert [(slot.card, slot.gpus) for slot in plan.slots_of("huge")] == [("A100", 1.0)]
    assert plan.unused_gpus == {"T4": 2}


def test_gpus_of_a_cluster_that_nothing_uses_are_counted() -> None:
    assert plan_resources(ResourceSpec(gpus_per_fit=0), {}, [T4, A100]).unused_gpus == {
        "T4": 2,
        "A100": 4,
    }
    assert plan_resources(ResourceSpec(), {}, [T4, CORES]).unused_gpus == {}


def test_one_kind_need_not_be_asked_for() -> None:
    plan = plan_resources(ResourceSpec(), {"small": 3.0}, [T4, CORES])
    assert [(slot.card, slot.gpus) for slot in plan.slots] == [("", 0.25)]


def test_a_card_whose_memory_nobody_knows_is_not_shared() -> None:
    plan = plan_resources(ResourceSpec(), {"any": 1.0}, [Node("odd", 8, 2, "X")])
    assert (plan.gpus_per_fit, plan.num_concurrent) == (1.0, 2)


def test_cores_of_a_cluster_are_those_of_its_machines() -> None:
    plan = plan_resources(ResourceSpec(cpus_per_fit=3), {}, [Node("a", 4), Node("b", 8)])
    # Three cores lie on one machine.
    assert (plan.num_concurrent, plan.num_on_a_machine) == (3, 2)
    with pytest.raises(SweepError, match="cpus_per_fit: found 9"):
        plan_resources(ResourceSpec(cpus_per_fit=9), {}, [Node("a", 4), Node("b", 8)])


NODES = st.lists(st.sampled_from([T4, A100, CORES, Node("l4", 4, 1, "L4", 24.0)]), min_size=1)
NEEDS = st.dictionaries(st.sampled_from("abcdef"), st.floats(0.5, 100), min_size=1)


@given(NODES, NEEDS, st.lists(st.floats(1, 1000), max_size=40))
def test_fits_are_dealt_to_cards_that_hold_them_and_to_all_of_those(
    nodes: list[Node], needs: dict[str, float], seconds: list[float]
) -> None:
    plan = plan_resources(ResourceSpec(), needs, nodes)
    names = sorted(needs)
    works = [(names[n % len(names)], work) for n, work in enumerate(sorted(seconds, reverse=True))]
    slots = plan.deal(works)
    cards = {node.card or "": node.card_gib for node in nodes if node.num_gpus}
    for (learner, _), slot in zip(works, slots, strict=True):
        may = [gib for gib in cards.values() if needs[learner] <= gib * 0.85]
        assert not may or slot.card_gib in may
        assert slot.gpus * slot.card_gib * 0.85 >= needs[learner] or not may


@given(NODES, st.lists(st.floats(1, 1000), min_size=1, max_size=40))
def test_no_kind_of_card_ends_a_fit_later_than_another_would(
    nodes: list[Node], seconds: list[float]
) -> None:
    plan = plan_resources(ResourceSpec(), {"small": 1.0}, nodes)
    busy = dict.fromkeys(plan.slots, 0.0)
    works = [("small", work) for work in sorted(seconds, reverse=True)]
    for (_, work), slot in zip(works, plan.deal(works), strict=True):
        busy[slot] += work
    for one, other in permutations(plan.slots, 2):
        soonest = (busy[other] + max(seconds)) / other.num_concurrent
        assert busy[one] / one.num_concurrent <= soonest + 1e-6


@given(NODES, NEEDS)
def test_trials_take_turns_on_all_cards_that_hold_them(
    nodes: list[Node], needs: dict[str, float]
) -> None:
    plan = plan_resources(ResourceSpec(), needs, nodes)
    for backbone in needs:
        may = plan.slots_of(backbone)
        turn = sum(slot.num_concurrent for slot in may)
        taken = Counter(plan.slot_of_trial(backbone, number) for number in range(turn, 2 * turn))
        assert taken == {slot: slot.num_concurrent for slot in may}


def test_a_trial_holds_the_networks_and_the_mosaics_of_its_folds_and_one_step() -> None:
    size, data = footprint("vgg11", 4, 256), 0.2
    fit = memory_on_card(size, 16, data)
    trial = memory_on_card(size, 16, data, num_fits=5)
    assert fit > size.memory_gib(16) + data
    assert trial - fit == pytest.approx(4 * (4 * size.weights_gib + data))
    # The driver's context and the pictures outweigh a small network.
    assert choose_fraction(memory_on_card(footprint("squeezenet1_1", 4, 64), 16, 0.0), 8.0) == 1 / 8
    assert (
        choose_fraction(memory_on_card(footprint("squeezenet1_1", 4, 64), 16, data), 8.0) == 1 / 4
    )
