"""What ``foldgrid data synthesize`` does, by study."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError, model_validator

from foldgrid.cli.terminal import option_problems, photograph_progress, writing
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.synthetic import (
    DEFAULT_SUBJECTS,
    StudyName,
    StudySettings,
    TrialSettings,
    study_kind,
)

AnyStudy: TypeAlias = Literal["pasi"] | StudyName

_Settings = TypeVar("_Settings", bound=BaseModel)


class TrialOptions(TrialSettings, strict=False):
    """A trial's settings as a command line gives them: numbers come as text.

    The rules over several settings wait until it is known which study they are for.
    """

    @model_validator(mode="after")
    def _visits_fit_the_subjects(self) -> TrialOptions:
        return self

    @model_validator(mode="after")
    def _placebo_leaves_room(self) -> TrialOptions:
        return self


PUBLISHED_TRIAL = TrialOptions()


def synthesize_pasi(folder: Path, options: TrialOptions, contact_sheet: Path | None) -> None:
    """Write the PASI trial and say what is there."""
    from foldgrid.data.cores import num_usable_cores
    from foldgrid.data.manifest.scored import read_manifest
    from foldgrid.simulation.pasi import synthesize_trial
    from foldgrid.simulation.pasi.sheet import contact_sheet as write_contact_sheet

    settings = _checked(TrialSettings, options.model_dump())
    with writing(folder), photograph_progress("Drawing photographs") as on_progress:
        # Absolute: the processes that draw may have been started in another folder.
        synthesize_trial(folder.absolute(), settings, num_usable_cores(), on_progress)
    path = folder / "manifest.csv"
    manifest = read_manifest(path)
    num_visits = len(manifest.photos[["subject", "visit"]].drop_duplicates())
    print(
        f"{path}: {counted(manifest.num_subjects, 'subject')}, {counted(num_visits, 'visit')}, "
        f"{counted(len(manifest.photos), 'photo')} of "
        f"{settings.photo_width}x{settings.photo_height} pixels"
    )
    if contact_sheet is not None:
        with writing(contact_sheet):
            write_contact_sheet(path, contact_sheet)
        print(f"{contact_sheet}: some of them with their scores")
    print(f"\nNext:\n  foldgrid launch quickstart --data {path}")


def synthesize_single(
    folder: Path, study: StudyName, options: TrialOptions, contact_sheet: Path | None
) -> None:
    """Write a study of single photographs and say what is there."""
    from foldgrid.data.audit.contact_sheets import draw_labelled_sheet, draw_measured_sheet
    from foldgrid.data.cores import num_usable_cores
    from foldgrid.data.manifest.source import read_samples
    from foldgrid.simulation.labelled import synthesize_study

    settings = study_settings(study, options)
    with writing(folder), photograph_progress("Drawing photographs") as on_progress:
        synthesize_study(folder, settings, num_usable_cores(), on_progress)
    kind = study_kind(settings)
    manifest, table = read_samples(folder / "manifest.csv", kind, for_training=True)
    truth = table.samples[table.layout.targets[0]]
    print(
        f"{manifest.path}: {counted(manifest.num_subjects, 'subject')}, {truth.nunique()} "
        f"{table.layout.truth_name}, {counted(len(manifest.photos), 'photo')} of "
        f"{settings.photo_width}x{settings.photo_height} pixels"
    )
    if contact_sheet is not None:
        sheets = {"single": draw_labelled_sheet, "measured": draw_measured_sheet}
        sheet = sheets[kind](manifest.photos)
        with writing(contact_sheet):
            contact_sheet.parent.mkdir(parents=True, exist_ok=True)
            sheet.save(contact_sheet)
        print(f"{contact_sheet}: some of them with their {table.layout.truth_name}")
    print(f"\nNext:\n  foldgrid data check {manifest.path}")


def study_settings(study: StudyName, options: TrialOptions) -> StudySettings:
    """The settings of a study of single photographs, from what was given on the command line.

    Raises:
        InputError: An option was given that only the PASI trial has, or its value is not allowed.
    """
    given = {name: getattr(options, name) for name in options.model_fields_set}
    foreign = sorted(set(given) - set(StudySettings.model_fields))
    if foreign:
        message = f'only the study "pasi" has it, not "{study}". Leave it out.'
        raise InputError(
            "command line",
            [Problem(f"--{name.replace('_', '-')}", "", message) for name in foreign],
        )
    return _checked(
        StudySettings, {"num_subjects": DEFAULT_SUBJECTS[study], **given, "study": study}
    )


def _checked(model: type[_Settings], values: dict[str, object]) -> _Settings:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise option_problems(error) from error
