"""What one fit takes of a machine or of a cluster, and how many fits run at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foldgrid.data.cores import num_usable_cores
from foldgrid.execution.gpus import num_gpus
from foldgrid.models.footprint import Footprint
from foldgrid.specs.errors import SweepError
from foldgrid.specs.sweep import ResourceSpec

FRACTION_CLASSES = (1.0, 1 / 2, 1 / 4, 1 / 8)
"""The fractions of a GPU that ``auto`` chooses from. Few, because an actor is only reused between
fits that ask for the same."""

_GPU_HEADROOM = 0.85
"""The fraction of a card's memory that fits may plan with; the rest is for what convolutions borrow
and for the allocator's fragments."""

PROCESS_GIB = 0.8
"""What a process takes of a card beyond its tensors: the driver's context and the loaded kernels.
Seen on an H200 with torch 2.11: 0.78."""


@dataclass(frozen=True)
class Node:
    """A machine that trains, as far as a plan needs it.

    Attributes:
        host: Its name.
        num_cpus: Cores that may be used.
        num_gpus: GPUs, all of one kind.
        card: Their kind, as Ray calls it (``A100``); "" where it is not known.
        card_gib: The memory of one; 0 where it is not known.
        memory_gib: Of the machine; 0 where it is not known.
    """

    host: str
    num_cpus: int
    num_gpus: int = 0
    card: str = ""
    card_gib: float = 0.0
    memory_gib: float = 0.0


@dataclass(frozen=True)
class Slot:
    """What a fit is given on the machines of one kind.

    Attributes:
        gpus: GPUs a fit, a fraction where below 1; 0 trains on the CPU.
        num_concurrent: Fits at a time on all of these machines.
        card: The kind of GPU; "" where there is one kind, which need not be asked for.
        card_gib: The memory of one; 0 where it is not known.
    """

    gpus: float
    num_concurrent: int
    card: str = ""
    card_gib: float = 0.0

    def holds(self, memory_gib: float) -> bool:
        """Whether one GPU's memory holds such a fit; what is not known is tried."""
        return not self.card_gib or memory_gib <= self.card_gib * _GPU_HEADROOM


@dataclass(frozen=True)
class Resources:
    """What a sweep runs on.

    Attributes:
        num_cpus: Cores that may be used: this machine's, or a cluster's.
        num_gpus: GPUs there.
        cpus_per_fit: Cores a fit.
        gpus_per_fit: GPUs a fit, a fraction where below 1; the largest of the slots.
        num_concurrent: Fits at a time.
        max_concurrent: The most at a time anywhere; null lets a cluster be filled.
        nodes: The machines of a cluster; nothing for this machine alone.
        slots: What a fit is given, for each kind of GPU.
        memory_gib: By base learner, what its process is estimated to take of a card.
    """

    num_cpus: int
    num_gpus: int
    cpus_per_fit: int
    gpus_per_fit: float
    num_concurrent: int
    max_concurrent: int | None = None
    nodes: tuple[Node, ...] | None = None
    slots: tuple[Slot, ...] = (Slot(0.0, 1),)
    memory_gib: Mapping[str, float] = field(default_factory=dict)

    @property
    def num_cpus_of_ray(self) -> int:
        """Cores that a local Ray gets, which has a worker ready for each."""
        if self.max_concurrent is None:
            return self.num_cpus
        return min(self.num_cpus, self.max_concurrent * self.cpus_per_fit)

    def slots_of(self, learner: str) -> tuple[Slot, ...]:
        """Where the fits of a base learner may run: on cards that hold them, else on the largest.

        Args:
            learner: Its name, or the backbone's in a search.
        """
        memory = self.memory_gib.get(learner, 0.0)
        fitting = tuple(slot for slot in self.slots if slot.holds(memory))
        return fitting or (max(self.slots, key=lambda slot: slot.card_gib),)

    def slot_of_trial(self, backbone: str, number: int) -> Slot:
        """Where a search's trial runs: in turn, as many on each kind of card as it has room for."""
        slots = self.slots_of(backbone)
        turn = number % sum(slot.num_concurrent for slot in slots)
        for slot in slots:
            if turn < slot.num_concurrent:
                return slot
            turn -= slot.num_concurrent
        raise AssertionError("a turn is one of all")

    def deal(self, works: Iterable[tuple[str, float]]) -> list[Slot]:
        """Where each of several fits runs, so that no kind of card ends long after the others.

        Args:
            works: Base learner and estimated seconds of each, longest first.
        """
        seconds = dict.fromkeys(self.slots, 0.0)
        dealt = []
        for learner, work in works:
            slot = min(
                self.slots_of(learner),
                key=lambda slot: (seconds[slot] + work) / slot.num_concurrent,
            )
            seconds[slot] += work
            dealt.append(slot)
        return dealt

    @property
    def num_on_a_machine(self) -> int:
        """The most fits that one machine trains at a time."""
        if not self.nodes:
            return self.num_concurrent
        most = max(
            _num_at_a_time(node, self.cpus_per_fit, slot.gpus)
            for node in self.nodes
            for slot in self.slots
        )
        return max(min(most, self.num_concurrent), 1)

    @property
    def unused_gpus(self) -> dict[str, int]:
        """By kind, GPUs on which nothing of this plan runs."""
        used = {slot.card for slot in self.slots if slot.gpus}
        if self.nodes is None:
            return {"": self.num_gpus} if self.num_gpus and not used else {}
        unused: dict[str, int] = {}
        for node in self.nodes:
            if node.num_gpus and node.card not in used and used != {""}:
                unused[node.card] = unused.get(node.card, 0) + node.num_gpus
        return unused


def memory_on_card(
    size: Footprint, batch_size: int, mosaics_gib: float, num_fits: int = 1
) -> float:
    """An estimate of what a process that trains takes of a card, in GiB.

    Args:
        size: Of the network, at the mosaics' size.
        batch_size: Mosaics a step.
        mosaics_gib: All mosaics; each fit puts them on the card.
        num_fits: Fits that the process holds at a time: 1, or a trial's folds.
    """
    return PROCESS_GIB + size.memory_gib(batch_size, num_fits) + num_fits * mosaics_gib


def choose_fraction(memory_gib: float, card_gib: float) -> float:
    """The smallest fraction of a card whose memory holds a fit.

    Args:
        memory_gib: What the largest fit's process is estimated to need.
        card_gib: The memory of one GPU.
    """
    fitting = [s for s in FRACTION_CLASSES if memory_gib <= s * card_gib * _GPU_HEADROOM]
    return min(fitting, default=1.0)


def this_machine() -> Node:
    """The machine that plans."""
    num_cards, card_gib = num_gpus(), 0.0
    if num_cards:
        import torch

        card_gib = torch.cuda.get_device_properties(0).total_memory / 2**30
    return Node("", num_usable_cores(), num_cards, card_gib=card_gib)


def plan_resources(
    spec: ResourceSpec, memory_gib: Mapping[str, float], nodes: Sequence[Node] | None = None
) -> Resources:
    """What fits take of this machine or of a cluster.

    GPUs of different kinds are planned apart: each kind has its own fraction, by the largest
    fit that one of them holds.

    Args:
        spec: What the sweep asks for.
        memory_gib: By base learner, the estimated memory of its process; see ``memory_on_card``.
        nodes: The machines of a cluster, which may all be yet to come; nothing for this machine.

    Raises:
        SweepError: A fit asks for more than any machine has; Ray would wait for it for ever.
    """
    machines = [_with_room_for(this_machine(), spec)] if nodes is None else list(nodes)
    _check_room(spec, machines, is_cluster=nodes is not None)
    slots = _slots_of_cards(spec, memory_gib, machines)
    if not slots:
        fraction = 0.0 if spec.gpus_per_fit == "auto" or machines else float(spec.gpus_per_fit)
        at_a_time = sum(_num_at_a_time(each, spec.cpus_per_fit, 0.0) for each in machines)
        slots = [Slot(fraction, max(at_a_time, 1))]
    concurrent = sum(slot.num_concurrent for slot in slots)
    return Resources(
        sum(node.num_cpus for node in machines),
        sum(node.num_gpus for node in machines),
        spec.cpus_per_fit,
        max(slot.gpus for slot in slots),
        min(concurrent, spec.max_concurrent or concurrent),
        spec.max_concurrent,
        None if nodes is None else tuple(nodes),
        tuple(slots),
        dict(memory_gib),
    )


def _with_room_for(node: Node, spec: ResourceSpec) -> Node:
    # Threads may be more than cores; that is slow, and no reason to refuse.
    return replace(node, num_cpus=max(node.num_cpus, spec.cpus_per_fit))


def _check_room(spec: ResourceSpec, machines: Sequence[Node], *, is_cluster: bool) -> None:
    if not machines:
        return
    most_gpus = max(node.num_gpus for node in machines)
    most_cpus = max(node.num_cpus for node in machines)
    if spec.gpus_per_fit != "auto" and spec.gpus_per_fit > most_gpus:
        whose = "each machine of this cluster has at most" if is_cluster else "this machine has"
        mend = "start a machine that has them" if is_cluster else "join a cluster with --address"
        raise SweepError(
            f"resources.gpus_per_fit: found {spec.gpus_per_fit:g}; {whose} {most_gpus} GPUs that "
            f"torch can use.\nLeave it at auto, or {mend}."
        )
    if spec.cpus_per_fit > most_cpus:
        raise SweepError(
            f"resources.cpus_per_fit: found {spec.cpus_per_fit}; each machine of this cluster has "
            f"at most {most_cpus} cores.\nTake fewer, or start a machine that has them."
        )


def _slots_of_cards(
    spec: ResourceSpec, memory_gib: Mapping[str, float], machines: Sequence[Node]
) -> list[Slot]:
    """A slot of each kind of GPU that holds any fit; none where fits train on CPUs."""
    by_card: dict[str, list[Node]] = {}
    for node in machines:
        if node.num_gpus and spec.gpus_per_fit != 0:
            by_card.setdefault(node.card, []).append(node)
    smallest = {card: min(each.card_gib for each in alike) for card, alike in by_card.items()}
    slots = []
    for card, alike in by_card.items():
        gib = smallest[card]
        kind = Slot(1.0, 1, card if len(by_card) > 1 else "", gib)
        is_largest = gib == max(smallest.values())
        # What no card holds is tried on the largest, in parts of a batch.
        held = [need for need in memory_gib.values() if is_largest or kind.holds(need)]
        fraction = _fraction(spec, held, gib)
        at_a_time = sum(_num_at_a_time(each, spec.cpus_per_fit, fraction) for each in alike)
        if at_a_time and (held or not memory_gib):
            slots.append(replace(kind, gpus=fraction, num_concurrent=at_a_time))
    return slots


def _fraction(spec: ResourceSpec, memory_gib: Sequence[float], card_gib: float) -> float:
    if spec.gpus_per_fit != "auto":
        return float(spec.gpus_per_fit)
    return choose_fraction(max(memory_gib, default=0.0), card_gib) if card_gib else 1.0


def _num_at_a_time(node: Node, cpus: int, gpus: float) -> int:
    """How many fits a machine trains at a time."""
    by_cores = node.num_cpus // cpus
    if not gpus:
        return by_cores
    by_gpus = node.num_gpus * int(1 / gpus) if gpus <= 1 else node.num_gpus // int(gpus)
    return min(by_cores, by_gpus)
