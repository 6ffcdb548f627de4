"""The examples of the README run as they are printed, each where its framework is."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
FRAMEWORKS = ("torch", "keras", "jax")


def framework(example):
    return next((name for name in FRAMEWORKS if f"import {name}\n" in example), "numpy")


def test_there_is_one_for_each():
    assert sorted(map(framework, EXAMPLES)) == sorted([*FRAMEWORKS, "numpy"])


@pytest.mark.parametrize("example", EXAMPLES, ids=framework)
def test_examples_run_verbatim(example, tmp_path):
    if importlib.util.find_spec(framework(example)) is None:
        pytest.skip(f"without {framework(example)}")
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
