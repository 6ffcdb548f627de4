"""The examples run where their framework is, and the launch files say what they should."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: The sharded example wants a device for each rank, or none: a machine that has fewer shows none.
HIDDEN = {"CUDA_VISIBLE_DEVICES": ""}
EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*command, folder, **environment):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(("script", "framework"), [("torch_model", "torch"), ("keras_model", "keras"), ("jax_tree", "jax")])
def test_examples_run(script, framework, tmp_path):
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"without {framework}")
    assert "recipe auto" in run(sys.executable, str(EXAMPLES / "python" / f"{script}.py"), folder=tmp_path)


def bin_with_torchrun(tmp_path):
    """A `torchrun` on the path that is this interpreter's."""
    script = tmp_path / "bin" / "torchrun"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m torch.distributed.run "$@"\n')
    script.chmod(0o755)
    return f"{script.parent}:{os.environ['PATH']}"


def test_torchrun_runs_the_sharded_example(tmp_path):
    pytest.importorskip("torch")
    out = run(str(EXAMPLES / "launch" / "torchrun.sh"), "2", folder=tmp_path, PATH=bin_with_torchrun(tmp_path), **HIDDEN)
    assert "all as planned" in out


def test_slurm_file_starts_torchrun_on_every_node(tmp_path):
    """With stand-ins for Slurm's programs, one node: the file is run as Slurm runs it."""
    pytest.importorskip("torch")
    path = bin_with_torchrun(tmp_path)
    for name, text in [("srun", 'exec "$@"'), ("scontrol", "echo localhost")]:
        script = tmp_path / "bin" / name
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "n[1-1]", "SLURM_NNODES": "1", "SLURM_JOB_ID": "7", "RANKS": "2"}
    out = run(shutil.which("bash"), str(EXAMPLES / "launch" / "slurm.sh"), folder=EXAMPLES.parent, PATH=path, **slurm, **HIDDEN)
    assert "all as planned" in out


def test_kubernetes_file_is_an_indexed_job():
    text = (EXAMPLES / "launch" / "kubernetes.yaml").read_text()
    completions = text.split("completions: ")[1].split()[0]
    assert "completionMode: Indexed" in text and f"--nnodes={completions}" in text and "$JOB_COMPLETION_INDEX" in text
    script = text.split("--master-port=29500 ")[1].split()[0]
    assert (EXAMPLES.parent / script).exists()
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load(text)
    assert job["kind"] == "Job" and job["spec"]["template"]["spec"]["subdomain"] == job["metadata"]["name"]
