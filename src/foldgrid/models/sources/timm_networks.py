"""All of timm: every architecture, every tag of weights, and timm's format on Hugging Face.

timm knows over a thousand architectures; it is imported when a name is asked for that nobody else
has. ``resnet50`` is torchvision's; ``timm:resnet50`` and ``resnet50.a1_in1k`` are timm's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldgrid.models.facts import fact
from foldgrid.models.sources.source import NetworkSource, Preprocessing, PublishedWeights
from foldgrid.specs.errors import SweepError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

PREFIX, HUB_PREFIX = "timm:", "hf-hub:"
_REPOSITORY = re.compile(r"hf-hub:[\w.-]+/[\w.-]+(@[\w.-]+)?")

_NAMES = (
    "seresnet101",
    "seresnext101_32x4d",
    "legacy_seresnet101",
    "legacy_seresnext101_32x4d",
)
"""The names that are known without timm. ``legacy_`` are the authors' networks (strides in the 1x1
convolutions), and the only ones for which both have weights."""


@dataclass(frozen=True)
class _Entry:
    """One of timm's networks, as timm or a repository on Hugging Face describes it.

    Attributes:
        architecture: timm's name of it.
        configuration: What its weights were trained for.
        arguments: With what else the architecture is built.
    """

    architecture: str
    configuration: Any
    arguments: dict[str, Any] = field(default_factory=dict)

    def options(self, pixels: int | None) -> dict[str, Any]:
        """How timm is asked for the network, for pictures of ``pixels`` or of its own size."""
        found = dict(self.arguments)
        height, width = self.configuration.input_size[-2:]
        fixed = self.configuration.fixed_input_size
        if fixed and (height, width) != (pixels or width, pixels or width):
            found["img_size"] = pixels or width
        return found


class TimmNetworks(NetworkSource):
    """timm's networks by ``NAME``, ``NAME.TAG``, ``timm:NAME`` and ``hf-hub:OWNER/NAME``.

    timm's package does not carry their top-5 accuracies.
    """

    title = "timm"
    library = "timm"

    def install_command(self) -> str:
        """It is in this project's list."""
        return "python -m pip install -r requirements.txt"

    def names(self) -> tuple[str, ...]:
        """Those that are known without timm; `more_names` are all others."""
        return _NAMES

    def more_names(self) -> tuple[str, ...]:
        """All architectures, and all tags of their weights."""
        if not _is_installed():
            return ()
        timm = _timm("")
        return tuple(dict.fromkeys([*timm.list_models(), *timm.list_pretrained()]))

    def builds(self, name: str) -> bool:
        """Whether timm has it, or would say what is wrong with it."""
        if name in self.names() or name.startswith((PREFIX, HUB_PREFIX)):
            return True
        return _is_installed() and bool(_timm(name).is_model(name))

    def refusal(self, name: str) -> str | None:
        """No such architecture or tag, a repository that is not here, or a network without head."""
        if not _is_installed() or name in self.names():
            return None
        try:
            _entry(name)
        except SweepError as error:
            return str(error).removeprefix(f"{name}: ")
        if self._has_head(name):
            return None
        return "it gives a sequence of tokens, and timm has no last layer for it. Take another one."

    def _has_head(self, name: str) -> bool:
        import torch

        with torch.device("meta"):
            network: Any = self.construct(name, 2)
        try:
            found = network.get_classifier()
        except (AttributeError, NotImplementedError):
            return False
        heads = found if isinstance(found, (tuple, list, torch.nn.ModuleList)) else [found]
        return any(isinstance(each, torch.nn.Module) and [*each.parameters()] for each in heads)

    def canonical(self, name: str) -> str:
        """``NAME.TAG`` with the tag that timm takes where none is given."""
        if name.startswith(HUB_PREFIX) or not _is_installed():
            return name
        entry = _entry(name)
        tag = entry.configuration.tag
        return PREFIX + ".".join(filter(None, (entry.architecture, tag)))

    def construct(self, name: str, num_outputs: int) -> nn.Module:
        """The network as timm initialises it."""
        return self._create(name, num_outputs, None)

    def construct_at(self, name: str, num_outputs: int, pixels: int) -> nn.Module:
        """The same, its embeddings of positions and windows made for pictures of ``pixels``."""
        network = self._create(name, num_outputs, pixels)
        _check_patches(network, pixels)
        return network

    def construct_with_drop_path(
        self, name: str, num_outputs: int, pixels: int | None, drop_path: float
    ) -> nn.Module:
        """As timm builds it with ``drop_path_rate``."""
        refused = super().construct_with_drop_path
        try:
            network = self._create(name, num_outputs, pixels, {"drop_path_rate": drop_path})
        except (TypeError, ValueError) as error:
            if "drop_path_rate" not in str(error):
                raise
            return refused(name, num_outputs, pixels, drop_path)
        # Some take the argument and leave out nothing.
        if drop_path and not any(getattr(each, "drop_prob", 0) for each in network.modules()):
            return refused(name, num_outputs, pixels, drop_path)
        if pixels is not None:
            _check_patches(network, pixels)
        return network

    def _create(
        self,
        name: str,
        num_outputs: int,
        pixels: int | None,
        arguments: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> nn.Module:
        entry = _entry(name)
        options = entry.options(pixels) | dict(arguments or {})
        try:
            network = _timm(name).create_model(
                entry.architecture,
                pretrained="state_dict" in more,
                pretrained_cfg=entry.configuration.to_dict() | more,
                num_classes=num_outputs,
                **options,
            )
        except (TypeError, AssertionError, ValueError, RuntimeError) as error:
            if pixels is None or isinstance(error, NotImplementedError):
                raise
            raise ValueError(str(error)) from error
        built: nn.Module = network
        return built

    def adapt_state(
        self, name: str, network: nn.Module, state: Mapping[str, Tensor], pixels: int | None
    ) -> Mapping[str, Tensor]:
        """As timm itself adapts it: entries renamed, embeddings of positions resized."""
        from foldgrid.models.sources.timm_states import adapted

        def load() -> nn.Module:
            # No number of classes is theirs: no head is taken over.
            return self._create(name, 1, pixels, state_dict=dict(state), num_classes=-1)

        return adapted(load, network)

    def published_weights(self, name: str) -> PublishedWeights | None:
        """What timm takes for the network; ``seresnet101`` has none."""
        # What a repository holds is not decided by timm's version.
        return _published_by(name) if name.startswith(HUB_PREFIX) else _published(name)

    def native_pixels(self, name: str) -> int:
        """The input size that the network was trained at."""
        return int(_entry(name).configuration.input_size[-1])

    def preprocessing(self, name: str) -> Preprocessing:
        """As its configuration says."""
        own = _entry(name).configuration
        return Preprocessing(tuple(own.mean), tuple(own.std), own.interpolation)


@lru_cache(maxsize=4096)
@fact
def _published(name: str) -> PublishedWeights | None:
    return _published_by(name)


def _published_by(name: str) -> PublishedWeights | None:
    published = _entry(name).configuration
    licence = published.license or ""
    if published.hf_hub_id and name not in _NAMES:
        file = published.hf_hub_filename or "model.safetensors"
        repository = published.hf_hub_id
        called = published.tag or name.removeprefix(HUB_PREFIX)
        return PublishedWeights(called, hub=repository, hub_file=file, licence=licence)
    if not published.url or published.url.endswith(".npz"):
        return None
    return PublishedWeights(published.tag, published.url, licence=licence)


def find_in_hub_cache(repository: str, file: str) -> Path | None:
    """A file of a Hugging Face repository where it lies on this machine (``HF_HOME``).

    Args:
        repository: ``owner/name`` or ``owner/name@revision``.
        file: Its name in the repository.
    """
    # It takes a while, and only who asks for such files needs it; it reads its variables once.
    from huggingface_hub import try_to_load_from_cache

    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    cache = os.environ.get("HF_HUB_CACHE") or str(Path(home).expanduser() / "hub")
    plain, _, revision = repository.partition("@")
    found = try_to_load_from_cache(plain, file, cache_dir=cache, revision=revision or None)
    return Path(found) if isinstance(found, str) else None


def _is_installed() -> bool:
    return find_spec("timm") is not None


def _timm(name: str) -> Any:
    try:
        import timm
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise SweepError(
            f"{name}: needs timm, which is not installed here.\n"
            "`python -m pip install -r requirements.txt` brings it; all other networks do without."
        ) from error
    return timm


def _entry(name: str) -> _Entry:
    """What is known of one of timm's networks.

    Raises:
        SweepError: There is no such architecture or tag, or the repository is not on this machine.
    """
    if name.startswith(HUB_PREFIX):
        return _from_repository(name)
    _timm(name)
    return _registered(name)


@lru_cache(maxsize=1024)
def _registered(name: str) -> _Entry:
    timm = _timm(name)
    plain = name.removeprefix(PREFIX)
    architecture, _, tag = plain.partition(".")
    if not timm.is_model(architecture):
        hint = did_you_mean(plain, [*timm.list_models(), *timm.list_pretrained()], most=5)
        raise SweepError(f"{name}: timm has no architecture of this name. {hint}")
    tags = [each.partition(".")[2] for each in timm.models.get_arch_pretrained_cfgs(architecture)]
    if tag and tag not in tags:
        have = [each for each in tags if each]
        hint = did_you_mean(tag, have, most=5) if have else "None are published for it."
        raise SweepError(f'{name}: {architecture} has no weights called "{tag}". {hint}')
    try:
        return _Entry(architecture, timm.get_pretrained_cfg(plain, allow_unregistered=False))
    except RuntimeError as error:
        # An old name of something that is called otherwise now.
        raise SweepError(f"{name}: timm does not keep it under this name any more.") from error


def _from_repository(name: str) -> _Entry:
    if not _REPOSITORY.fullmatch(name):
        raise SweepError(f"{name}: no repository on Hugging Face. Write hf-hub:OWNER/NAME.")
    timm = _timm(name)
    from timm.models import PretrainedCfg
    from timm.models._hub import load_model_config_from_path

    repository = name.removeprefix(HUB_PREFIX)
    found = find_in_hub_cache(repository, "config.json")
    if found is None:
        plain, _, revision = repository.partition("@")
        which = f"{plain} --revision {revision}" if revision else plain
        raise SweepError(
            f"{name}: its config.json is not in Hugging Face's cache here, and nothing is "
            f"downloaded without being asked. `hf download {which}` gets it."
        )
    try:
        described, architecture, arguments = load_model_config_from_path(found.parent)
        known = PretrainedCfg.__dataclass_fields__
        described = {key: value for key, value in described.items() if key in known}
        described |= {"file": None, "source": None, "hf_hub_id": name.removeprefix(HUB_PREFIX)}
        configuration = PretrainedCfg(**described)
    except (KeyError, TypeError, ValueError) as error:
        raise SweepError(
            f"{name}: its config.json is not in timm's format ({error}). Only networks that timm "
            "builds can be taken from Hugging Face."
        ) from error
    if not timm.is_model(architecture):
        raise SweepError(
            f"{name}: it is a {architecture}, which timm {timm.__version__} has not. Only networks "
            "that timm builds can be taken from Hugging Face."
        )
    return _Entry(architecture, configuration, dict(arguments))


def _check_patches(network: nn.Module, pixels: int) -> None:
    """Refuses a size of which a patch would hang over the edge and be cut off.

    Raises:
        ValueError: It is no multiple of the patches.
    """
    for module in network.modules():
        patch = getattr(module, "patch_size", None)
        if getattr(module, "img_size", None) is None or not patch:
            continue
        side = patch[0] if isinstance(patch, (tuple, list)) else patch
        if isinstance(side, int) and pixels % side:
            raise ValueError(f"it cuts pictures into patches of {side}x{side} pixels")
