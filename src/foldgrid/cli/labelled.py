"""What ``foldgrid data check`` does with a labelled manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from foldgrid.cli.terminal import photograph_progress, writing
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError
from foldgrid.specs.samples import SampleKind
from foldgrid.specs.sweep import SplitSpec


class StudyCheck(BaseModel):
    """What else to do with a labelled manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    records: Path | None = None
    """Write a record of every photograph here: .csv, .parquet or .json. It names subjects and
    files: keep it where the photographs may be kept."""

    write_kept: Path | None = None
    """Write a manifest without the excluded rows here, in the manifest's folder."""

    format: Literal["terminal", "csv", "md", "latex", "json"] = "terminal"
    """How the flow table is printed; other than terminal, nothing else is."""

    blur_deviations: float = Field(default=3.0, ge=0.0, le=20.0)
    """Blurred: so many robust standard deviations of log focus below the study's median; 0 looks
    for none."""

    far_fraction: float = Field(default=0.4, ge=0.0, le=1.0, alias="far_share")
    """Far away: less than this fraction of the usual photograph's skin; 0 looks for none."""

    def refuse_unlabelled(self, manifest: Path, kind: SampleKind) -> None:
        """Refuse options that only a labelled manifest has.

        Raises:
            SweepError: One was given.
        """
        from foldgrid.data.manifest.source import KINDS

        for name in sorted(self.model_fields_set):
            option = f"--{name.replace('_', '-')}"
            raise SweepError(
                f"{option}: {manifest} has {KINDS[kind].holds}. This option is for manifests with "
                "a label column instead: leave it out."
            )


PLAIN_CHECK = StudyCheck()


def check_labelled(path: Path, folds: int, study: StudyCheck, photos: Path | None = None) -> int:
    """Check a labelled manifest: what is there, what would be left out and why.

    Returns:
        1 where a picture lies under two subjects or two labels, else 0.
    """
    from foldgrid.data.audit.case_records import (
        KEPT_FORMATS,
        RECORD_FORMATS,
        case_records,
        check_kept_folder,
        check_output,
        write_kept,
        write_records,
    )
    from foldgrid.data.audit.exclusions import ExclusionRules
    from foldgrid.data.audit.flow import FLOW_FORMATS
    from foldgrid.data.audit.labelled import audit_labelled, describe_labelled_audit
    from foldgrid.data.manifest.labelled import read_labelled_manifest
    from foldgrid.data.splits import check_enough_subjects

    manifest = read_labelled_manifest(path, photos)
    if study.records is not None:
        check_output("--records", study.records, manifest, tuple(RECORD_FORMATS))
    if study.write_kept is not None:
        check_output("--write-kept", study.write_kept, manifest, KEPT_FORMATS)
        check_kept_folder("--write-kept", study.write_kept, manifest)
    rules = ExclusionRules(study.blur_deviations, study.far_fraction)
    with photograph_progress("Examining photographs") as on_progress:
        audit = audit_labelled(manifest, rules, on_progress)
    said = []
    if study.records is not None:
        records = case_records(manifest, audit.exams, audit.copies, audit.reasons)
        with writing(study.records):
            write_records(study.records, records)
        said.append(f"{study.records}: a record of each of {counted(len(records), 'photograph')}")
    if study.write_kept is not None:
        is_kept = audit.reasons == ""
        with writing(study.write_kept):
            write_kept(study.write_kept, manifest, is_kept)
        said.append(f"{study.write_kept}: the {counted(is_kept.sum(), 'photograph')} that are left")
    table = FLOW_FORMATS[study.format](audit.flow)
    if study.format != "terminal":
        print(table, end="")
        return int(bool(audit.questions))
    print(f"{describe_labelled_audit(audit)}\n\n{table}", end="")
    print("".join(f"\n{line}" for line in said))
    check_enough_subjects(manifest, SplitSpec(num_folds=folds))
    print(f"{manifest.num_subjects} subjects are enough for {folds} folds and a test set.")
    return int(bool(audit.questions))
