"""What concerns the installation: ``foldgrid --version`` and ``foldgrid --install-completion``."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from foldgrid.specs.errors import SweepError
from foldgrid.version import __version__

PACKAGES = ("torch", "torchvision", "timm", "ray", "wandb", "optuna")


def version(*, verbose: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Print the version of foldgrid; with --verbose, what it stands on.

    Args:
        verbose: Also the versions of Python and of what foldgrid stands on, the system and the
            devices, for a report of a fault: no names of people or machines, no paths.
    """
    print(f"foldgrid {__version__}")
    if verbose:
        for what, found in _surroundings():
            print(f"{what:<12} {found}")


def _surroundings() -> Iterator[tuple[str, str]]:
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    for package in PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield package, "not installed"
    yield "system", f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}"
    try:
        import torch
    except (ImportError, OSError) as error:
        # A torch that does not load is what such a report is about.
        yield "devices", f"torch cannot be loaded ({type(error).__name__})"
        return
    yield "CUDA", torch.version.cuda or "torch is built without it"
    names = [torch.cuda.get_device_name(each) for each in range(torch.cuda.device_count())]
    yield "devices", ", ".join(names) or "cpu"


def install_completion(
    *,
    shell: Literal["bash", "zsh", "fish"] | None = None,
    output: Path | None = None,
) -> None:
    """Let the shell complete commands, options, sweeps and run folders.

    Args:
        shell: Whose completion; without it, that of the shell that asks.
        output: Write the script there, and leave the shell's own files alone.

    Raises:
        SweepError: The shell is not known, or its files cannot be written.
    """
    from cyclopts.completion.detect import ShellDetectionError, detect_shell

    from foldgrid.cli.main import make_app
    from foldgrid.cli.terminal import writing

    if shell is None:
        try:
            found = detect_shell()
        except ShellDetectionError:
            found = None
        if found not in ("bash", "zsh", "fish"):
            raise SweepError(
                "--install-completion: the shell is not one of bash, zsh and fish, or does not "
                "say so.\nName it: foldgrid --install-completion --shell bash"
            )
        shell = found
    with writing(output or Path.home()):
        script = make_app().install_completion(
            shell=shell, output=output, add_to_startup=output is None
        )
    print(f"{script}: completion for {shell}; new shells have it.")
