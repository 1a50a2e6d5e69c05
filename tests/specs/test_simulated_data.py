"""``data.synthetic``: one key for the PASI trial and for studies with labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs.errors import InputError
from foldgrid.specs.reading import keys_at, written_path
from foldgrid.specs.resolving import ResolvedSweep, resolve_sweep
from foldgrid.specs.sweep import DataSpec, Sweep
from foldgrid.specs.synthetic import StudySettings, TrialSettings

HEAD = "title: labels\nbackbones: [resnet18]\ndata:\n  synthetic:\n"


def resolve(tmp_path: Path, settings: str, *overrides: str) -> ResolvedSweep:
    path = tmp_path / "labels.yaml"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in settings.splitlines()))
    return resolve_sweep(path, "paper", overrides)


def refusal(tmp_path: Path, settings: str) -> str:
    with pytest.raises(InputError) as caught:
        resolve(tmp_path, settings)
    return str(caught.value)


def test_a_study_is_named_and_the_trial_is_not(tmp_path: Path) -> None:
    study = resolve(tmp_path, "study: ssc_skin\nnum_subjects: 60").sweep.data.synthetic
    assert study == StudySettings(study="ssc_skin", num_subjects=60)
    trial = resolve(tmp_path, "num_subjects: 10\nnum_visits: 55").sweep.data.synthetic
    assert trial == TrialSettings(num_subjects=10, num_visits=55)
    overridden = resolve(
        tmp_path, "study: ssc_skin\nnum_subjects: 60", "data.synthetic.num_subjects=9"
    )
    assert overridden.sweep.data.synthetic.num_subjects == 9


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            "study: ssc_skn\nnum_subjects: 60",
            'line 5   data.synthetic.study   found "ssc_skn". Input should be',
        ),
        ("study: ssc_skn\nnum_subjects: 60", 'Did you mean "ssc_skin"?'),
        ("study: aidda", "line 4   data.synthetic.num_subjects   missing. It has no default."),
        (
            "study: aidda\nnum_subjects: 60\nphoto_widht: 90",
            'line 7   data.synthetic.photo_widht   unknown key. Did you mean "photo_width" or',
        ),
        (
            "study: aidda\nnum_subjects: 3",
            "line 6   data.synthetic.num_subjects   found 3. Input should be greater",
        ),
        ("missing_fraction: 2.0", "line 5   data.synthetic.missing_fraction   found 2.0."),
        (
            "studdy: aidda\nnum_subjects: 60",
            'line 5   data.synthetic.studdy   unknown key. Did you mean "study"',
        ),
        (
            "num_subjects: 9",
            'line 4   data.synthetic   found {"num_subjects": 9}. num_visits: found 338.',
        ),
    ],
)
def test_mistakes_have_the_line_and_the_key_as_it_was_written(
    tmp_path: Path, settings: str, said: str
) -> None:
    message = refusal(tmp_path, settings)
    assert said in message
    assert message.splitlines()[0].endswith(": 1 problem")


def test_what_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text("title: labels\nbackbones: [resnet18]\ndata:\n  synthetic: aidda\n")
    with pytest.raises(InputError, match=r"line 4   data\.synthetic   found \"aidda\""):
        resolve_sweep(path, "paper")


@given(
    st.builds(TrialSettings, seed=st.integers(0, 9))
    | st.builds(StudySettings, study=st.just("aidda"), num_subjects=st.integers(6, 9))
)
def test_settings_survive_being_written_and_read(settings: TrialSettings | StudySettings) -> None:
    data = DataSpec(synthetic=settings)
    assert DataSpec.model_validate_json(data.model_dump_json()) == data
    assert DataSpec.model_validate(data.model_dump(mode="json")) == data


def test_a_members_name_is_no_key() -> None:
    place = ("data", "synthetic", "study", "num_subjects")
    assert written_path(Sweep, place) == ("data", "synthetic", "num_subjects")
    place = ("data", "synthetic", "study", "study")
    assert written_path(Sweep, place) == ("data", "synthetic", "study")
    assert written_path(Sweep, ("split", "study", 3)) == ("split", "study", 3)
    assert keys_at(Sweep, place[:3])[:2] == ["study", "seed"]
    assert "study" in keys_at(Sweep, ("data", "synthetic", "trial"))
    assert keys_at(Sweep, ("data", "synthetic", "trial", "seed")) == []
    assert keys_at(Sweep, ("nothing", "there")) == []
