"""ZeRO-3 and Megatron-core themselves, on 1 to 4 ranks, where they are installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import fanin.torch

SCRIPT = Path(__file__).with_name("engines.py")


def ran(engine, world):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}", str(SCRIPT), engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return next(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="without deepspeed")
@pytest.mark.parametrize("world", [1, 2, 3])
def test_zero_3_has_the_values_of_one_process(world):
    import sharded

    plan, model = sharded.planned(), sharded.Net()
    fanin.torch.init_(model, plan)
    one = fanin.torch.verify(model, plan)
    found = ran("zero3", world)
    assert found["digest"] == found["sum"] == one.digest and found["verified"]
    # No rank held a whole tensor while it was filled.
    assert found["piece"] == -(-37 * 12 // world) and found["filled"] == len(list(model.parameters()))


@pytest.mark.skipif(importlib.util.find_spec("megatron") is None, reason="without megatron-core")
@pytest.mark.parametrize("world", [1, 2, 4])
def test_megatron_has_the_values_of_one_process(world):
    found = ran("megatron", world)
    assert found["digest"] == found["expected"] and found["local"] == [24 // world, 12]
    assert found["filled"] == ["down.bias", "down.weight", "up.bias", "up.weight"]
