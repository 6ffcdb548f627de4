"""Comparisons: those of the command line, interrupted and taken up, as data, and on schedulers' arrays."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import fanin
import pytest

MODEL = "mlp:64-16-10:relu"
ASKED = {"strategies": ["zero", "he", "wide=he(fan=out, activation=relu)"], "seeds": 2, "steps": 20}


def timeless(data):
    """What was found, but for what a clock says."""
    if isinstance(data, dict):
        return {k: timeless(v) for k, v in data.items() if not k.startswith("seconds") and k != "rows_per_second"}
    return [timeless(item) for item in data] if isinstance(data, list) else data


def program(*args):
    done = subprocess.run([sys.executable, "-m", "fanin", *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_as_the_programs(tmp_path):
    found = fanin.compare(MODEL, **ASKED, out=tmp_path / "here")
    told = program("compare", MODEL, "--strategies", ",".join(ASKED["strategies"]), "--seeds=2", "--steps=20", "-o", tmp_path / "there", "--json")
    assert timeless(found.data) == timeless(json.loads(told))
    assert found.cases[0]["rows"] == found.rows and {row["strategy"] for row in found.rows} == {"zero", "he", "wide"}
    assert not found.failed and not found.missing and Path(found.folder) == tmp_path / "here"
    assert (tmp_path / "here" / "cells.jsonl").read_text() == (tmp_path / "there" / "cells.jsonl").read_text()
    # What is there is not run again, whoever ran it.
    before = (tmp_path / "there" / "results.csv").read_text()
    again = fanin.compare(MODEL, **ASKED, out=tmp_path / "there")
    assert (tmp_path / "there" / "results.csv").read_text() == before and again.rows == json.loads(told)["cases"][0]["rows"]


def test_results_are_data_and_a_page(tmp_path):
    found = fanin.compare(MODEL, **ASKED, out=tmp_path)
    runs = found.runs()
    assert len(runs) == 6 and all(isinstance(run["seed"], int) and 0 <= run["test_accuracy"] <= 1 for run in runs)
    page = found._repr_html_()
    assert "<iframe" in page and "svg" in page and "<script" not in found.to_html() and "he" in repr(found)
    assert found.to_html(tmp_path / "r.html") == (tmp_path / "r.html").read_text()
    pandas = pytest.importorskip("pandas")
    frame = found.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame["strategy"]) == [row["strategy"] for row in found.rows]
    assert frame["test_accuracy"][0] == found.rows[0]["test_accuracy"]["mean"] and len(found.to_pandas("runs")) == 6


def test_strategies_by_name_and_rates(tmp_path):
    found = fanin.compare(MODEL, strategies={"a": fanin.methods.he(fan="out"), "b": "zeros"}, seeds=3, steps=5, tune=[0.1, 0.01], out=tmp_path)
    assert {row["strategy"] for row in found.rows} == {"a", "b"} and found.cases[0]["tuned"]
    assert {run["rate"] for run in found.runs()} == {0.1, 0.01}


def test_what_is_wrong_is_refused(tmp_path):
    for wrong, match in [
        ({"engine": "dask"}, "no engine"),
        ({"strategies": "hee"}, "hee"),
        ({"optimizer": "sdg"}, "sdg"),
        ({"seeds": 0}, "seeds"),
    ]:
        with pytest.raises(fanin.Error, match=match):
            fanin.compare(MODEL, out=tmp_path, **wrong)
    with pytest.raises(fanin.Refused, match="a path or a short architecture") as caught:
        fanin.compare(object())
    assert all(caught.value.problems[0])


def test_interrupted_and_taken_up(tmp_path):
    """Ctrl-C ends after the runs in progress; the same call goes on.

    The handler is set by hand: a shell that starts a job in the background makes it ignore SIGINT, and Python then installs none.
    """
    folder = str(tmp_path / "c")
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"import fanin; fanin.compare({MODEL!r}, strategies='he', seeds=40, steps=400, jobs=1, out={folder!r})"
    )
    running = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    results = tmp_path / "c" / "results"
    end = time.monotonic() + 120
    while not (results.is_dir() and any(results.iterdir())) and time.monotonic() < end:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=120)
    assert "KeyboardInterrupt" in told and running.returncode != 0
    there = len(list(results.iterdir()))
    assert 0 < there < 40
    found = fanin.compare(MODEL, strategies="he", seeds=40, steps=400, jobs=2, out=tmp_path / "c")
    assert not found.missing and found.rows[0]["seeds"] == 40
