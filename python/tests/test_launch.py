"""The launch files that run a comparison's cells: their shell parts, with stand-ins for the schedulers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / "examples" / "launch"
MODEL = "mlp:64-16-10:relu"


def program(*args):
    done = subprocess.run([sys.executable, "-m", "fanin", *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def on_path(tmp_path, **scripts):
    """A path on which `fanin` is this interpreter's, and schedulers' programs are stand-ins."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"fanin": f'exec {sys.executable} -m fanin "$@"', **scripts}.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def listed(folder):
    """A study of four cells, none of them run; and their number."""
    program("compare", "expand", MODEL, "--strategies=he,zero", "--seeds=2", "--steps=5", "-o", folder)
    return len((folder / "cells.jsonl").read_text().splitlines())


def finished(folder):
    return json.loads(program("compare", "report", folder, "--json"))["missing"] == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="without bash")
def test_a_slurm_array_runs_every_cell(tmp_path):
    study, environment = tmp_path / "study", on_path(tmp_path)
    for task in range(1, listed(study) + 1):
        command = ["bash", str(LAUNCH / "compare_slurm.sh"), str(study)]
        subprocess.run(command, env={**environment, "SLURM_ARRAY_TASK_ID": str(task)}, check=True, capture_output=True)
    assert finished(study)


def test_ranks_of_torchrun_share_the_cells(tmp_path):
    ranks = 'while [ "$1" != --no-python ]; do shift; done; shift\nfor RANK in 0 1 2; do export RANK WORLD_SIZE=3; "$@" || exit; done'
    study, environment = tmp_path / "study", on_path(tmp_path, torchrun=ranks)
    assert listed(study) == 4
    done = subprocess.run([str(LAUNCH / "compare_torchrun.sh"), str(study), "--nproc-per-node=3"], env=environment, check=True, capture_output=True)
    assert finished(study), done
    ids = [json.loads(line)["id"] for line in (study / "events.jsonl").read_text().splitlines() if '"begin"' in line]
    assert len(ids) == len(set(ids)) == 4, "each cell is run by one rank"


def test_a_kubernetes_job_runs_every_cell(tmp_path):
    """The file says that it is indexed, and its shell part runs with each index."""
    text = (LAUNCH / "compare_kubernetes.yaml").read_text()
    assert "completionMode: Indexed" in text
    script = next(line for line in text.splitlines() if "fanin compare cell" in line).split("- ", 1)[1].strip()[1:-1]
    study, environment = tmp_path / "study", on_path(tmp_path)
    count = listed(study)
    for index in range(count):
        command = ["sh", "-c", script.replace("/study", str(study))]
        subprocess.run(command, env={**environment, "JOB_COMPLETION_INDEX": str(index)}, check=True, capture_output=True)
    assert finished(study)
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load(text)
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert job["apiVersion"] == "batch/v1" and job["kind"] == "Job" and container["args"] == [script]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert mounted == {"study": "/study"} and volumes == {"study"} and job["spec"]["completions"] > 1
