"""The example runs where Ray and W&B cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from foldgrid.records import RunStore

SCRIPT = Path(__file__).parents[2] / "examples" / "one_fit.py"


def test_one_fit_runs_without_ray_and_wandb(tmp_path: Path) -> None:
    # On one core the photographs are drawn without processes that start for it.
    code = (
        "import os, sys, runpy\n"
        "if hasattr(os, 'sched_setaffinity'):\n"
        "    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "sys.modules['ray'] = sys.modules['wandb'] = None\n"
        f"sys.argv = ['one_fit.py', {str(tmp_path / 'run')!r}]\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "oof/pasi_mae" in result.stdout
    (fit_id,) = RunStore(str(tmp_path / "run")).finished_fits()
    assert fit_id.startswith("shufflenet_v2_x0_5-fold0-")


def test_one_fit_stays_short() -> None:
    statements = [
        line
        for line in SCRIPT.read_text().splitlines()
        if line and not line.startswith((" ", ")", '"', "import", "from", "Seconds"))
    ]
    assert len(statements) <= 10
