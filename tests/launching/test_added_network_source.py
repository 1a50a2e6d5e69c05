"""A source of networks of another package, one file with an entry point; docs/how-to/models.md.

The package is `tests/outside/site/pocket.py`. Nothing else knows it. That Ray's workers do is shown
in `test_added_optimizer`.
"""

from __future__ import annotations

import pandas as pd
import pytest

from foldgrid.cli.main import main
from foldgrid.models.sources import NETWORK_SOURCES
from tests.launching.tiny_sweep import TINY, Launcher
from tests.outside.packages import SITE, copied, installed

POCKET = TINY.replace("  - squeezenet1_1\n", "  - pocket_cnn\n").replace(
    "training:\n", "training:\n  phases: [{name: head, epochs: 1, frozen: 1}, {name: all}]\n"
)


def test_it_trains_is_ranked_checked_and_reported(launcher: Launcher, package: None) -> None:
    sweep = launcher.write(POCKET)
    plan = launcher(sweep, "--plan", "--set", "weights=auto")
    words = " ".join(plan.out.split())
    assert "pocket_cnn starts from random weights (none are published)" in words
    done = launcher(sweep, ranked=True)
    assert done.code == 0, done.out + done.err
    run = launcher.storage / "tiny"
    board = pd.read_csv(run / "leaderboard.csv").set_index("model")
    assert board.loc["pocket_cnn", "oof_mae"] > 0
    launcher.capture.readouterr()
    assert launcher.raw("--status", str(run)).code == 0
    assert main(["check", str(run)]) == 0
    assert main(["report", str(run)]) == 0
    assert "pocket_cnn" in (run / "report.html").read_text(encoding="utf-8")
    assert launcher.store().read_provenance()["versions"]["pocket"] == "1.0"
    # Its stages, hidden values and layers are the network's own answers.
    launcher.capture.readouterr()
    assert main(["models", "describe", "pocket_cnn", "--outputs", "4"]) == 0
    assert "pocket_cnn" in launcher.capture.readouterr().out


def test_a_mistake_in_the_sweep_is_reported_with_its_line(
    launcher: Launcher, package: None
) -> None:
    text = POCKET.replace("- pocket_cnn", "- pocket_cn")
    refused = launcher(launcher.write(text))
    assert refused.code == 2
    line = text[: text.index("- pocket_cn")].count("\n") + 1
    assert f"line {line} " in refused.err
    assert 'Did you mean "pocket_cnn"' in refused.err


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("POCKET = Pocket()", "POCKET = Pocket", "which is no network source"),
        ('("pocket_cnn",)', '("resnet18",)', "resnet18 is a network of torchvision already"),
        ("from torch import nn", "from torch import no", "cannot import name 'no'"),
    ],
)
def test_a_mistake_in_its_file_is_reported_with_its_name_and_file(
    launcher: Launcher, old: str, new: str, fault: str
) -> None:
    file = copied("pocket", launcher.folder / "broken")
    file.write_text(file.read_text().replace(old, new))
    with installed(file.parent):
        refused = launcher(launcher.write(TINY))
    assert refused.code == 2
    assert str(file) in refused.err
    assert '"pocket"' in refused.err
    assert fault in refused.err
    assert not launcher.storage.exists()


def test_a_library_that_it_lacks_is_named(launcher: Launcher) -> None:
    file = copied("pocket", launcher.folder / "lacking")
    file.write_text(file.read_text().replace('library = "torch"', 'library = "no_such_library"'))
    with installed(file.parent):
        refused = launcher(launcher.write(POCKET))
    assert refused.code == 2
    assert "it needs no_such_library, which is not installed here" in refused.err
    assert "python -m pip install no_such_library" in refused.err


def test_the_documentation_shows_just_this_package() -> None:
    page = (SITE.parents[2] / "docs/how-to/models.md").read_text(encoding="utf-8")
    titles = [source.title for source in NETWORK_SOURCES.values()]
    assert all(f"| {title} | " in page for title in titles)
    assert f"```python\n{(SITE / 'pocket.py').read_text(encoding='utf-8')}```\n" in page
