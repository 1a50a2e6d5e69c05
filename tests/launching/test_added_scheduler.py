"""A scheduler of another package, one file with an entry point, all the way; docs/how-to/search.md.

The package is `tests/outside/site/behind.py`. Nothing else knows it.
"""

from __future__ import annotations

import pandas as pd
import pytest

from foldgrid.cli.main import main as analyse
from foldgrid.records import SearchStore
from foldgrid.specs.schedulers import SCHEDULERS
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher
from tests.outside.packages import SITE, copied, installed

SPACE = (
    "title: rates\nparameters:\n  learning_rate: {type: float, low: 1.0e-4, high: 1.0, log: true}\n"
)
SEARCH = ONE_BACKBONE.replace("max_epochs: 2", "max_epochs: 3") + (
    "search_space: space.yaml\n"
    "search:\n"
    "  num_trials: 6\n"
    "  sampler: RandomSampler\n"
    "  scheduler: behind\n"
    "  scheduler_settings: {behind: {margin: 0.0}}\n"
    "  grace_epochs: 1\n"
)


@pytest.fixture
def launch_of(launcher: Launcher) -> Launcher:
    """With a search space beside the sweep."""
    (launcher.folder / "space.yaml").write_text(SPACE)
    return launcher


def test_it_stops_trials_and_is_named_everywhere(launch_of: Launcher, package: None) -> None:
    sweep = launch_of.write(SEARCH)
    plan = launch_of(sweep, "--plan")
    assert "behind stops what is 0% behind the best, from epoch 1 on" in plan.out
    # In parts: it goes on as if it had not ended.
    for options in (["--trials", "2"], []):
        done = launch_of(sweep, *options)
        assert done.code == 0, done.out + done.err
    run = launch_of.storage / "tiny"
    trials = pd.read_csv(run / "search/trials.csv")
    assert len(trials) == 6
    assert trials.loc[0, "status"] == "complete"
    stopped = trials[trials["status"] == "stopped"]
    assert len(stopped)
    assert (stopped["num_epochs"] < 3).all()
    settings = SearchStore(str(run / "search")).read_plan().settings
    assert (settings.scheduler, settings.own.model_dump()) == ("behind", {"margin": 0.0})
    assert launch_of.raw("--status", str(run)).code == 0
    assert analyse(["report", str(run)]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "behind: stopped what was 0% behind the best at the same epoch" in page
    # Where it is not installed, the plan is not taken for corrupt.
    del SCHEDULERS["behind"]
    launch_of.capture.readouterr()
    assert analyse(["report", str(run)]) == 2
    said = launch_of.capture.readouterr().err
    assert 'plan.json: found "behind". There is no such scheduler.' in said
    assert "Install the package that brings it" in said


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("scheduler: behind", "scheduler: behid", "search.scheduler", 'Did you mean "behind"?'),
        ("margin: 0.0", "margin: -1.0", "search.scheduler_settings.behind.margin", "found -1."),
        ("margin: 0.0", "margn: 1.0", "behind.margn", 'Did you mean "margin"?'),
        ("grace_epochs: 1", "grace_epochs: 9", "search.grace_epochs", "nothing would ever"),
        (
            "  grace_epochs",
            "  objectives: [mae, pcc]\n  grace_epochs",
            "search.scheduler",
            "by one",
        ),
    ],
)
def test_a_mistake_in_the_sweep_is_reported_with_its_line(
    launch_of: Launcher, package: None, old: str, new: str, key: str, said: str
) -> None:
    text = SEARCH.replace(old, new)
    refused = launch_of(launch_of.write(text))
    assert refused.code == 2
    (line,) = [each for each in refused.err.splitlines() if key in each]
    number = int(line.split()[1])
    assert text.splitlines()[number - 1].strip().startswith(("scheduler", "grace_epochs"))
    assert said in line


def test_a_mistake_in_its_file_is_reported_with_its_name_and_file(launch_of: Launcher) -> None:
    file = copied("behind", launch_of.folder / "broken")
    file.write_text(file.read_text().replace("class Behind(Scheduler)", "class Behind"))
    with installed(file.parent):
        refused = launch_of(launch_of.write(SEARCH))
    assert refused.code == 2
    assert str(file) in refused.err
    assert "which is no scheduler" in refused.err
    assert not launch_of.storage.exists()


def test_the_documentation_shows_just_this_package() -> None:
    page = (SITE.parents[2] / "docs/how-to/search.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in SCHEDULERS)
    assert f"```python\n{(SITE / 'behind.py').read_text(encoding='utf-8')}```\n" in page
