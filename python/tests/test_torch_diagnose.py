"""Diagnoses under hooks: healthy models pass, sick ones are told apart, and nothing is left behind."""

import pytest

torch = pytest.importorskip("torch")

import fanin.torch
from torch import nn


def deep(width=128, depth=24, activation=nn.ReLU):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), activation())]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def batch(width=128, samples=64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(samples, width, generator=generator), torch.randint(10, (samples,), generator=generator)


def names(report):
    return {finding["name"] for finding in report.findings}


def test_a_healthy_model_has_no_findings():
    model = deep(depth=4)
    plan = fanin.torch.plan(model, seed=0, set={f"{8}.weight": "he(activation=linear)"})
    fanin.torch.init_(model, plan)
    report = fanin.torch.diagnose(model, batch(), nn.functional.cross_entropy, plan=plan)
    assert report, report
    assert len(report.layers) == 5 and report.loss["uninformed"] == pytest.approx(2.25, abs=0.1)
    first = report.layers[0]
    assert first["follows"]["activation"] == "relu" and first["depth"] == 1 and report.layers[3]["depth"] == 4
    assert first["forward"] == pytest.approx(2, rel=0.2) and 0 < first["backward"] and 0.4 < first["rank"] <= 1
    assert all(row["equal"] for row in report.weights)


def test_fading_signals_and_zero_weights_are_found():
    model = deep()
    fanin.torch.init_(model, fanin.torch.plan(model, recipe="xavier", seed=0))
    assert "fading" in names(fanin.torch.diagnose(model, batch(), nn.functional.cross_entropy))
    fanin.torch.init_(model, fanin.torch.plan(model, seed=0, set={"*.weight": "normal(std=0.3)"}))
    assert "exploding" in names(fanin.torch.diagnose(model, batch()[0]))
    fanin.torch.init_(model, fanin.torch.plan(model, seed=0, set={"4.weight": "zeros"}))
    assert not fanin.torch.diagnose(model, batch()[0])


def test_a_plan_that_was_not_followed_is_found():
    model = deep(depth=2)
    plan = fanin.torch.plan(model, seed=0)
    fanin.torch.init_(model, plan)
    with torch.no_grad():
        model[2].weight *= 1.2
    report = fanin.torch.diagnose(model, batch()[0], plan=plan)
    assert any("2.weight" in finding["all"] for finding in report.findings)
    assert [row["name"] for row in report.weights if row["equal"] is False] == ["2.weight"]


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(8 * 36, 10)).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    report = fanin.torch.diagnose(model, (torch.randn(16, 3, 8, 8), torch.randint(10, (16,))), nn.CrossEntropyLoss())
    assert not model.training and not model[3].training and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    conv, head = report.layers
    assert conv["op"] == "Conv2d" and conv["width"] == 8 and conv["follows"]["activation"] == "relu" and conv["dead"] == 0
    assert report.data["batch"]["batch_statistics"] and "<svg" in report.to_html()
    with pytest.raises(fanin.Refused, match="a tensor of numbers"):
        fanin.torch.diagnose(nn.Identity(), torch.tensor([1, 2]))


def test_inputs_that_are_far_from_scale_1_are_told() -> None:
    model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))
    raw = torch.randn(64, 3) * torch.tensor([1.0, 40.0, 2000.0])
    found = fanin.torch.diagnose(model, raw, graph=False)
    [finding] = [one for one in found.findings if one["name"] == "unscaled_inputs"]
    assert finding["at"] == "input"
    assert 1500 < finding["value"] < 2600
    assert finding["remedy"] == "inputs = (inputs - inputs.mean(0)) / inputs.std(0)"
    inputs = raw
    scope = {"inputs": inputs}
    exec(finding["remedy"], scope)
    mended = fanin.torch.diagnose(model, scope["inputs"], graph=False)
    assert all(one["name"] != "unscaled_inputs" for one in mended.findings)
