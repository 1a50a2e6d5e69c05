"""How stored numbers become colours in a sweep: by its keys, and as its run folder began."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from foldgrid.cli.main import main
from foldgrid.data.dataset import load_mosaics
from foldgrid.launching.planning.plan_text import plan_facts
from foldgrid.launching.planning.preparation import PreparedSweep, prepare_sweep
from foldgrid.specs.resolving import resolve_sweep
from tests.data.icc_profiles import DISPLAY_P3, display_profile
from tests.data.small_trials import paint, write_csv

SUBJECTS = 12


@dataclass(frozen=True)
class Study:
    folder: Path

    def photographs(self, profile: bytes = b"", deep: int = 0) -> None:
        """Two classes; some with a profile, or some of 16 bits with so many used."""
        rows = []
        for number in range(SUBJECTS):
            photo = paint(number, 32, 32)
            if deep and number % 2:
                grey = np.asarray(photo.convert("L")).astype(np.uint16) << (deep - 8)
                photo = Image.fromarray(grey)
            name = f"p{number}.png"
            photo.save(self.folder / name, icc_profile=profile if number % 2 else b"")
            label = ("mild", "severe")[number % 3 == 0]
            rows.append({"photo": name, "subject": f"S{number}", "label": label})
        write_csv(self.folder / "manifest.csv", rows, ["photo", "subject", "label"])

    def prepare(self, *overrides: str) -> PreparedSweep:
        sweep = {
            "name": "pixels",
            "title": "Pixels",
            "task": {"name": "classification"},
            "data": {"manifest": str(self.folder / "manifest.csv"), "tile_pixels": 32},
            "split": {"num_folds": 2, "num_seeds": 1},
            "backbones": ["squeezenet1_1"],
            "weights": "none",
        }
        path = self.folder / "pixels.yaml"
        path.write_text(json.dumps(sweep))
        resolved = resolve_sweep(path, "paper", overrides)
        return prepare_sweep(
            resolved, storage=str(self.folder / "runs"), cache=self.folder / "cache"
        )

    def record(self, prepared: PreparedSweep, **changed: Any) -> None:
        """Leaves the run folder's sweep.yaml as a launch does, or as an earlier version did."""
        content = prepared.sweep.model_dump(mode="json", exclude={"budgets"})
        content["data"] |= changed
        content["data"] = {key: value for key, value in content["data"].items() if value != "gone"}
        prepared.store.root.write_bytes("sweep.yaml", yaml.safe_dump(content).encode())


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def plan(prepared: PreparedSweep) -> dict[str, str]:
    return dict(plan_facts(prepared))


def test_photographs_without_a_profile_keep_their_fingerprint(study: Study) -> None:
    study.photographs()
    managed = study.prepare()
    assert managed.survey.fingerprint == study.prepare("data.colour=as_stored").survey.fingerprint
    assert "colour" not in plan(managed)


def test_a_profile_makes_other_data_and_is_named(study: Study) -> None:
    study.photographs(display_profile(DISPLAY_P3, "Display P3"))
    managed, stored = study.prepare(), study.prepare("data.colour=as_stored")
    assert managed.survey.fingerprint != stored.survey.fingerprint
    assert (
        "6 photographs have a colour profile (Display P3), and converted" in plan(managed)["colour"]
    )
    pictures = [load_mosaics(each.survey).mosaics_NHWC.astype(int) for each in (managed, stored)]
    differs = np.abs(pictures[0] - pictures[1]).mean(axis=(1, 2, 3)) > 1
    assert differs.tolist() == [name[1:] in {str(n) for n in range(1, 12, 2)}
                                for name in managed.survey.samples["subject"]]  # fmt: skip


def test_a_run_folder_goes_on_as_it_began(study: Study) -> None:
    study.photographs(display_profile(DISPLAY_P3, "Display P3"))
    first = study.prepare("data.colour=as_stored")
    study.record(first, colour="gone")
    again = study.prepare()
    assert again.survey.fingerprint == first.survey.fingerprint
    assert "is not applied" in plan(again)["colour"]
    assert study.prepare("data.colour=managed").survey.fingerprint != first.survey.fingerprint


def test_bits_are_found_once_for_the_whole_study(study: Study) -> None:
    study.photographs(deep=12)
    auto = study.prepare("data.bits=auto")
    # What was found is what the run folder says, for photographs that are predicted later.
    assert auto.sweep.data.bits == 12
    assert "6 photographs of 16 bits, of which 12 are used" in plan(auto)["bits"]
    fixed, whole = study.prepare("data.bits=12"), study.prepare()
    assert auto.survey.fingerprint == fixed.survey.fingerprint != whole.survey.fingerprint
    bright, dark = (load_mosaics(each.survey).mosaics_NHWC for each in (auto, whole))
    # Each of the upper eight of twelve bits is worth sixteen of the upper eight of sixteen.
    odd = [int(name[1:]) % 2 == 1 for name in whole.survey.samples["subject"]]
    assert dark[odd].max() <= 15
    assert np.array_equal(bright[odd] >> 4, dark[odd])


def test_data_check_names_profiles_faults_and_few_bits(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    study.photographs(b"no profile", deep=12)
    main(["data", "check", str(study.folder / "manifest.csv")])
    text = " ".join(capsys.readouterr().out.split())
    assert "its colour profile cannot be read, and it is taken as sRGB" in text
    assert '"p1.png", "p3.png", "p5.png" and 3 more: 16 bits a pixel, of which these use' in text
    study.photographs(display_profile(DISPLAY_P3, "Display P3"))
    main(["data", "check", str(study.folder / "manifest.csv")])
    assert "6 Display P3; converted to sRGB" in " ".join(capsys.readouterr().out.split())
