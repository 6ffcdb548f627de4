"""One model and plan have one digest: in memory, in files that the command line writes, and in every element type after rounding."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import fanin
import fanin.torch
import sharded


def program(*words):
    done = subprocess.run([sys.executable, "-m", "fanin", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_memory(dtype=torch.float32):
    model, plan = sharded.Net().to(dtype), sharded.planned()
    fanin.torch.init_(model, plan)
    return model, plan


def test_the_command_line_writes_the_same(tmp_path):
    model, plan = in_memory()
    expected = fanin.torch.verify(model, plan)
    assert expected
    plan.save(tmp_path / "plan.json")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    torch.save(model.state_dict(), tmp_path / "empty.pt")
    program("apply", tmp_path / "plan.json", tmp_path / "empty.pt", "-o", tmp_path / "full.pt")
    assert expected.digest in program("digest", tmp_path / "full.pt")
    assert expected.digest not in program("digest", tmp_path / "empty.pt")
    program("verify", tmp_path / "full.pt", "--plan", tmp_path / "plan.json")
    model.load_state_dict(torch.load(tmp_path / "full.pt", weights_only=True))
    assert fanin.torch.verify(model, plan).digest == expected.digest


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_other_types_have_the_values_of_f32_rounded_once(dtype):
    whole, plan = in_memory()
    made, _ = in_memory(dtype)
    rounded = whole.to(dtype)
    one, other = fanin.torch.verify(made, plan), fanin.torch.verify(rounded, plan)
    assert one and other and one.digest == other.digest and one.elements == other.elements
