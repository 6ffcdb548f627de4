"""Plans of files and of arrays: what they say, and that they travel."""

import json
import pickle

import fanin
import numpy as np
import pytest

MODEL = "mlp:784-256x3-10:relu"


def test_a_plan_is_a_mapping_with_reasons():
    plan = fanin.plan(MODEL, seed=7)
    first = plan["layers.0.weight"]
    assert len(plan) == len(list(plan)) == 13 and "layers.0.weight" in plan and "x" not in plan
    assert (first.role, first.shape, first.dtype, first.action) == ("weight", (256, 784), "f32", "fill")
    assert first.fan_in == 784 and first.std == pytest.approx((0.6 / 784) ** 0.5, rel=1e-3)
    assert any(reason.startswith("follows: relu") for reason in first.reasons)
    assert "relu follows" in repr(first) and "layers.0.weight" in repr(plan)
    with pytest.raises(KeyError):
        plan["layers.9.weight"]


def test_a_plan_survives_a_file_and_a_pickle(tmp_path):
    plan = fanin.plan(MODEL, "he", seed=3, set={"*.bias": "constant(value=0.5)"})
    plan.save(tmp_path / "plan.json")
    for other in (fanin.Plan.load(tmp_path / "plan.json"), pickle.loads(pickle.dumps(plan))):
        assert other == plan and other.id == plan.id and other.seed == 3
    assert plan["layers.0.bias"].call == "constant(value=0.5)"
    assert fanin.plan(MODEL, "he", seed=4).id != plan.id
    with pytest.raises(fanin.FileError, match="cannot be read"):
        fanin.Plan.load(tmp_path / "none.json")


def test_rules_options_and_statements_reach_the_plan():
    plan = fanin.plan(MODEL, options={"layers": 3}, say={"layers.0.weight": "follows:tanh"}, dtype="f32")
    assert any("tanh" in reason for reason in plan["layers.0.weight"].reasons)
    with pytest.raises(fanin.Refused, match="no option"):
        fanin.plan(MODEL, options={"bsae": 64})
    assert fanin.plan(MODEL, set={"layers.*.weight": fanin.methods.orthogonal(gain=2.0)})["layers.1.weight"].call == (
        "orthogonal(gain=2.0)"
    )


def test_every_problem_is_told_in_five_parts():
    with pytest.raises(fanin.Refused) as caught:
        fanin.plan({"a.weight": np.empty((4, 4), np.float32), "what": np.empty((3, 5), np.float32)}, set={"*": "he(fan=up)"})
    with pytest.raises(fanin.Refused) as both:
        fanin.plan({"what": np.empty((3, 5), np.float32), "ever": np.empty((2, 7), np.float32)}, set={"*": "he"})
    assert isinstance(caught.value, ValueError)
    assert [problem.param for problem in both.value.problems] == ["what", "ever"]
    for problem in both.value.problems:
        assert all(problem) and str(problem) in str(both.value)
    assert pickle.loads(pickle.dumps(both.value)).problems == both.value.problems


def test_the_same_bits_as_the_program_writes(tmp_path):
    arrays = {"fc.weight": np.empty((30, 64), np.float32), "fc.bias": np.ones(30, np.float16), "emb.weight": np.empty((9, 4))}
    fanin.init(MODEL, tmp_path / "net.onnx", seed=5)
    written = fanin.open(tmp_path / "net.onnx")
    plan = fanin.plan(MODEL, seed=5)
    held = {name: np.empty(decision.shape, np.float32) for name, decision in plan.items() if decision.action == "fill"}
    fanin.init(held, plan=plan)
    for name, array in held.items():
        assert np.array_equal(array.view(np.uint32), written.tensor(name).view(np.uint32)), name
    again = fanin.init(arrays, recipe="torch", seed=1)
    assert set(again) == set(arrays) and np.all(np.abs(arrays["fc.weight"]) <= 0.125)
    with pytest.raises(fanin.FileError, match="exists"):
        fanin.init(MODEL, tmp_path / "net.onnx")
    fanin.init(MODEL, tmp_path / "net.onnx", overwrite=True)


def test_regions_have_the_bits_of_the_whole():
    plan = fanin.plan({"w.weight": np.empty((12, 7), np.float32)}, "he", set={"w.weight": "orthogonal"})
    whole = plan.fill("w.weight", np.empty((12, 7), np.float32))
    rows = plan.fill("w.weight", np.empty((5, 7), np.float32), region=[[(0, 2), (8, 11)], [(0, 7)]])
    assert np.array_equal(rows, np.concatenate([whole[:2], whole[8:11]]))
    flat = plan.fill("w.weight", np.empty(10, np.float32), region=(20, 30))
    assert np.array_equal(flat, whole.reshape(-1)[20:30])
    with pytest.raises(fanin.Refused, match="does not fit"):
        plan.fill("w.weight", np.empty(10, np.float32), region=(80, 90))
    with pytest.raises(fanin.Refused, match="as in the plan"):
        plan.fill("w.weight", np.empty((12, 8), np.float32))
    with pytest.raises(fanin.Refused, match="Did you mean `w.weight`"):
        plan.fill("w.wieght", np.empty((12, 7), np.float32))


def test_digests_add_up_and_travel(tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(6, 4)
    of = lambda part, region=None: fanin.Digest.of(part.reshape(-1).view(np.uint8), "w", "f32", [6, 4], region)
    parts = of(array[:2], (0, 8)) + of(array[2:], (8, 24))
    assert parts == of(array) and str(parts) == str(of(array)) and parts.count == 24
    assert pickle.loads(pickle.dumps(parts)) == parts != of(array + 1)


def test_html_is_static_and_complete():
    plan = fanin.plan(MODEL)
    page = plan._repr_html_() + fanin.methods._repr_html_() + fanin.diagnose("mlp:8-16-2:relu")._repr_html_()
    assert "layers.0.weight" in page and "<svg" in page and "orthogonal" in page
    assert "<script" not in page and "http" not in page
    planned = fanin.plan("gpt:layers=1,d=64,heads=4")
    shown, kept = planned._repr_html_().split("tensors are kept")
    assert "blocks.0.attn.proj.weight" in shown and "blocks.0.attn.proj.weight" not in kept
    assert "shape 64x64" in kept and "shape 64x64" not in shown and "orthogonal × 0.0" in shown


def test_a_diagnosis_is_the_programs(tmp_path):
    report = fanin.diagnose("mlp:64-128x30-10:relu", recipe="xavier", seed=0)
    assert not report and any(finding["name"] == "fading" for finding in report.findings)
    assert len(report.layers) == 31 and report.loss["uninformed"] == pytest.approx(np.log(10), rel=0.2)
    assert report.to_html(tmp_path / "r.html") == (tmp_path / "r.html").read_text()
    assert fanin.diagnose("mlp:64-128x4-10:relu")
    with pytest.raises(fanin.Error):
        fanin.diagnose("mlp:64-128", batch=0)


def test_pandas_has_a_row_for_each(tmp_path):
    pytest.importorskip("pandas")
    frame = fanin.plan(MODEL).to_pandas()
    assert frame.loc["layers.1.weight", "fan_in"] == 256 and len(frame) == 13


def test_every_option_of_the_program_is_here(tmp_path):
    """The same JSON, to the last reason, with constants that stay, data, task and lag."""
    import subprocess
    import sys

    cases = [
        ("mlp:64-32-10:relu", ["--data", "digits"], {"data": "digits"}),
        ("mlp:64-32-3:relu", ["--task", "regression", "--seed", "3"], {"task": "regression", "seed": 3}),
        ("lstm:28-16x2-10", ["--memory", "50"], {"memory": 50}),
        ("vit:3x32x32-10", ["--set", "*.bias=constant(value=0.1)"], {"set": {"*.bias": "constant(value=0.1)"}}),
    ]
    for model, words, options in cases:
        done = subprocess.run([sys.executable, "-m", "fanin", "plan", model, "--json", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == fanin.plan(model, **options).to_dict(), model
    with pytest.raises(fanin.Refused, match="classification"):
        fanin.plan(cases[0][0], task="sorting")
