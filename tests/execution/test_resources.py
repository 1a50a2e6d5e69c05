from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.execution.resources import (
    FRACTION_CLASSES,
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
    plan = plan_resources(ResourceSpec(cpus_per_fit=1), [1.0])
    assert 1 <= plan.num_concurrent <= plan.num_cpus
    everything = plan_resources(ResourceSpec(cpus_per_fit=plan.num_cpus), [1.0])
    assert everything.num_concurrent == 1
    one = plan_resources(ResourceSpec(max_concurrent=1), [1.0])
    assert (one.num_concurrent, one.num_cpus_of_ray) == (1, 1)
    assert plan.num_cpus_of_ray == plan.num_cpus


def test_a_fit_that_wants_more_cores_than_there_are_still_runs() -> None:
    plan = plan_resources(ResourceSpec(cpus_per_fit=4096), [1.0])
    assert plan.num_concurrent == 1
    assert plan.num_cpus >= plan.cpus_per_fit


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without GPUs")
def test_gpus_that_are_not_there_are_refused_and_not_waited_for() -> None:
    spec = ResourceSpec(gpus_per_fit=1.0)
    with pytest.raises(SweepError, match="this machine has 0 GPUs"):
        plan_resources(spec, [1.0])
    assert plan_resources(spec, [1.0], is_cluster=True).gpus_per_fit == 1.0


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
