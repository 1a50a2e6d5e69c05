"""What stands in `cluster/`: it can be read, its commands exist, and the Slurm job runs here.

Slurm's own commands are stand-ins; what the job script does with them is real.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclopts import CycloptsError
from jsonschema import Draft7Validator

from foldgrid.records import RunStore
from tests.chaos.processes import needs_proc
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher
from tests.written_pages import PROJECT, parse

TEMPLATES = sorted((PROJECT / "cluster").iterdir())
NAMES = [path.name for path in TEMPLATES]


def read_template(name: str) -> Any:
    return yaml.safe_load((PROJECT / "cluster" / name).read_text(encoding="utf-8"))


def commands(path: Path, program: str) -> list[str]:
    """Commands of a template, comments included: they are what people type."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"\n#\s+(?=--)", " ", text)
    found = re.findall(rf"(?<![\w/`]){program} (?!-)[^\n|;`]*", text)
    return [re.split(r" (?:\|\||&|2>|')|'(?: |$)| #", each)[0].strip() for each in found]


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_what_it_launches_can_be_typed(path: Path) -> None:
    launches = commands(path, "foldgrid launch")
    assert launches
    for each in launches:
        words = re.sub(r'"?\$@"?|"?\$\{?\w+\}?(:\d+)?"?', "", each)
        try:
            parse(re.sub(r"--(address|storage)(?= |$)(?! +[\w:])", r"--\1 x", words))
        except CycloptsError as error:
            pytest.fail(f"{path.name}: {each}\n{error}")


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_what_it_asks_of_ray_exists(path: Path) -> None:
    from ray.scripts.scripts import start

    known = {option for each in start.params for option in each.opts}
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    asked = re.findall(r"(?:ray start|\$\{ray\[@\]\})([^\n]*)", text)
    options = {word for line in asked for word in re.findall(r"--[a-z-]+", line)}
    parameters = re.findall(r"rayStartParams: \{([a-z-]+):", text)
    assert options | {f"--{each}" for each in parameters} <= known
    assert options or parameters


@pytest.mark.parametrize("name", ["kuberay-job.yaml", "kuberay-cluster.yaml"])
def test_a_kubernetes_object_has_what_its_kind_needs(name: str) -> None:
    import ray

    found = read_template(name)
    assert found["apiVersion"] == "ray.io/v1"
    assert found["metadata"]["name"]
    cluster = found["spec"] if found["kind"] == "RayCluster" else found["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == ray.__version__
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    images = {each["template"]["spec"]["containers"][0]["image"] for each in groups}
    assert len(images) == 1, "the same everywhere"
    assert groups[0]["rayStartParams"] == {"num-cpus": "0"}
    for group in groups[1:]:
        assert 1 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        pod = group["template"]["spec"]
        grace = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
        drained = int(grace["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
        assert drained < pod["terminationGracePeriodSeconds"]


def test_machines_of_a_cloud_are_as_ray_s_own_schema_says() -> None:
    import json

    from ray import autoscaler

    schema = json.loads((Path(autoscaler.__path__[0]) / "ray-schema.json").read_bytes())
    found = read_template("ray-up-aws.yaml")
    assert [each.message for each in Draft7Validator(schema).iter_errors(found)] == []
    images = {each["node_config"]["ImageId"] for each in found["available_node_types"].values()}
    assert len(images) == 1, "the same everywhere"


@pytest.mark.parametrize("name", ["slurm.sbatch", "skypilot.yaml"])
def test_a_script_is_one(name: str) -> None:
    path = PROJECT / "cluster" / name
    script = path.read_text() if name.endswith(".sbatch") else read_template(name)["run"]
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


SRUN = """\
#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
[[ $1 == hostname ]] && { echo "127.0.0.1 10.0.0.1"; exit; }
exec "$@"
"""
SCONTROL = """\
#!/usr/bin/env bash
if [ "$1" = show ]; then echo here; else echo "$@" >> "$SCONTROL_LOG"; fi
"""


@needs_proc
@pytest.mark.slow
@pytest.mark.exhaustive
def test_the_slurm_job_runs_and_leaves_nothing_behind(launcher: Launcher) -> None:
    programs = launcher.folder / "bin"
    programs.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    environment = launcher.folder / "activate"
    own = Path(sys.executable).parent
    environment.write_text(f"export PATH={programs}:{own}:$PATH\n")
    home = launcher.folder / "home"
    home.mkdir()
    sweep = str(launcher.write(ONE_BACKBONE))
    options = ["--storage", str(launcher.storage), "--budget", "smoke", "--wandb", "disabled"]
    done = subprocess.run(
        ["bash", str(PROJECT / "cluster/slurm.sbatch"), sweep, *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ
        | {
            "FOLDGRID_ENVIRONMENT": str(environment),
            "PYTHONPATH": os.pathsep.join((str(PROJECT / "src"), str(PROJECT))),
            "HOME": str(home),
            "RAY_AUTH_MODE": "disabled",
            "SLURM_JOB_ID": str(4_000_000 + os.getpid()),
            "SLURM_JOB_NODELIST": "here",
            "SLURM_CPUS_PER_TASK": "1",
            "SCONTROL_LOG": str(launcher.folder / "scontrol.log"),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(RunStore.open(str(launcher.storage / "tiny")).finished_fits()) == 2
    assert not (launcher.folder / "scontrol.log").exists(), "nothing to queue again"
