"""Comparisons on a local Ray of two workers: the outcomes of a local run, also where workers are killed."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="without ray: `engine=\"ray\"` is not tested here")

import fanin
from test_compare import timeless

MODEL = "mlp:64-32x4-10:relu"


@pytest.fixture(scope="module")
def cluster():
    # As `engine="ray"` starts it where there is none.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=80 << 20, log_to_driver=False)
    yield
    ray.shutdown()


def outcomes(folder):
    """Every run's outcome as it is stored, but for what a clock says."""
    import json

    return {path.name: timeless(json.loads(path.read_text().splitlines()[0])) for path in (Path(folder) / "results").iterdir()}


def workers():
    """Process ids of Ray's workers that run a cell and descend from this process."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                names[int(entry.name)] = (entry / "cmdline").read_text().split("\0")[0]
            except (OSError, IndexError):
                continue

    def ours(process):
        while process > 1 and process != os.getpid():
            process = parents.get(process, 0)
        return process == os.getpid()

    return [process for process, name in names.items() if name.startswith("ray::_cell") and ours(process)]


def test_the_same_outcomes_as_here(cluster, tmp_path):
    asked = {"strategies": "he,zero,auto", "seeds": 3, "steps": 30}
    here = fanin.compare(MODEL, **asked, out=tmp_path / "here")
    there = fanin.compare(MODEL, **asked, out=tmp_path / "there", engine="ray")
    assert timeless(here.data) == timeless(there.data) and len(here.rows) == 3
    assert outcomes(tmp_path / "here") == outcomes(tmp_path / "there")
    assert ray.is_initialized(), "a cluster that was there is left alone"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="without /proc")
def test_killed_workers_lose_nothing(cluster, tmp_path):
    asked = {"strategies": "he,zero", "seeds": 4, "steps": 600}
    killed, over = [], threading.Event()

    def kill():
        while not over.is_set() and len(killed) < 3:
            for process in workers()[:1]:
                time.sleep(0.2)
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                killed.append(process)
            time.sleep(0.1)

    killer = threading.Thread(target=kill)
    killer.start()
    there = fanin.compare(MODEL, **asked, out=tmp_path / "there", engine="ray")
    over.set()
    killer.join()
    assert killed and not there.missing and not there.failed
    fanin.compare(MODEL, **asked, out=tmp_path / "here")
    assert outcomes(tmp_path / "here") == outcomes(tmp_path / "there")


def test_strategies_that_cannot_be_run_are_told(cluster, tmp_path):
    found = fanin.compare("mlp:64-16-10:relu", strategies="he,delta_orthogonal", seeds=2, steps=5, out=tmp_path, engine="ray")
    here = fanin.compare("mlp:64-16-10:relu", strategies="he,delta_orthogonal", seeds=2, steps=5, out=tmp_path)
    # A cluster's answer comes as an exception, whose first words differ from the program's.
    for told in (found.failed, here.failed):
        assert set(told) == {"delta_orthogonal"} and "`layers.0.weight`: delta_orthogonal" in told["delta_orthogonal"]
    assert [row["strategy"] for row in found.rows] == ["he"] and len(found.missing) == 2
