"""The fixtures of the data room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.small_trials import LABELLED_COLUMNS, Row, Trial, paint, write_csv


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """Makes a trial: every subject with so many visits of trunk (2 photos) and arms (1 photo)."""

    def make(
        num_subjects: int = 3, num_visits: int = 2, folder: Path = tmp_path / "trial"
    ) -> tuple[Path, list[Row]]:
        folder.mkdir(parents=True, exist_ok=True)
        rows: list[Row] = []
        for subject in range(num_subjects):
            for visit in range(num_visits):
                for region, copies in (("trunk", 2), ("upper_extremities", 1)):
                    for copy in range(copies):
                        name = f"s{subject}-v{visit}-{region}-{copy}.jpg"
                        paint(len(rows)).save(folder / name, quality=90)
                        rows.append(
                            {
                                "photo": name,
                                "subject": f"{subject + 1:03d}",
                                "visit": f"v{visit + 1}",
                                "day": 28 * visit,
                                "region": region,
                                "erythema": (subject + visit) % 5,
                                "induration": subject % 5,
                                "scaling": (subject + 2 * visit) % 5,
                                "involvement": 1 + (subject + visit) % 6,
                            }
                        )
        return write_csv(folder / "manifest.csv", rows), rows

    return make


@pytest.fixture
def labelled(tmp_path: Path) -> Trial:
    """Makes a study with labels: two photos of every subject, in cases but for the last subject."""

    def make(num_subjects: int = 6, folder: Path = tmp_path / "labelled") -> tuple[Path, list[Row]]:
        folder.mkdir(parents=True, exist_ok=True)
        rows: list[Row] = []
        for number in range(2 * num_subjects):
            subject, name = number // 2, f"{number:02d}.png"
            label = ("healthy", "psoriasis", "eczema")[subject % 3]
            paint(number).save(folder / name)
            rows.append(
                {
                    "photo": name,
                    "subject": f"{subject + 1:03d}",
                    "case": f"c{subject}" if subject < num_subjects - 1 else "",
                    "label": label,
                    "taxonomy": label if label == "healthy" else f"ill/{label}",
                    "visit": "v1",
                    "day": "",
                    "grade_a": label if number % 3 else "",
                }
            )
        return write_csv(folder / "manifest.csv", rows, LABELLED_COLUMNS), rows

    return make
