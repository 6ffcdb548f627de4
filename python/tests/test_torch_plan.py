"""Plans of torch models: what module classes say, ties, and what example inputs add."""

import pytest

torch = pytest.importorskip("torch")

import fanin
import fanin.torch
from torch import nn
from torch.nn.utils import parametrizations


class Odd(nn.Module):
    """Names that tell nothing, classes that tell all."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 10)
        self.b = nn.ConvTranspose2d(8, 4, 3, stride=2, groups=2)
        self.c = nn.Conv1d(6, 12, 5, groups=3)
        self.d = nn.Embedding(11, 6)
        self.e = nn.GroupNorm(2, 6)
        self.f = nn.PReLU()
        self.g = nn.Bilinear(3, 4, 5)
        self.h = nn.LSTM(6, 7, num_layers=2, bidirectional=True)
        self.i = nn.MultiheadAttention(12, 3)
        self.j = nn.BatchNorm1d(6)


def test_classes_say_roles_and_fans():
    plan = fanin.torch.plan(Odd(), recipe="he", seed=0)
    fans = {name: (d.role, d.fan_in, d.fan_out) for name, d in plan.items()}
    assert fans["a.weight"] == ("weight", 6, 10) and fans["a.bias"] == ("bias", 6, 10)
    assert fans["b.weight"] == ("weight", 8 / 2 * 9 / 4, 4 / 2 * 9)
    assert fans["c.weight"] == ("weight", 2 * 5, 12 / 3 * 5)
    assert fans["d.weight"][0] == "embedding" and fans["e.weight"][0] == "scale" and fans["e.bias"][0] == "shift"
    assert fans["f.weight"][0] == "slope" and fans["g.weight"] == ("weight", 12, 5)
    assert fans["h.weight_hh_l1_reverse"] == ("recurrent", 7, 7) and fans["h.weight_ih_l1"][1] == 14
    assert fans["i.in_proj_weight"][1:] == (12, 12) and fans["i.out_proj.weight"][1] == 12
    assert plan["j.running_mean"].action == "keep" and not plan.unsure
    assert any("torch: ConvTranspose2d" in reason for reason in plan["b.weight"].reasons)


def test_tied_parameters_are_drawn_once():
    model = nn.ModuleDict({"wte": nn.Embedding(9, 4), "free": nn.Linear(4, 9, bias=False), "head": nn.Linear(4, 9, bias=False)})
    model["head"].weight = model["wte"].weight
    plan = fanin.torch.plan(model, seed=0)
    assert plan["head.weight"].tied == "wte.weight" and plan["free.weight"].action == "fill"
    done = fanin.torch.init_(model, plan)
    assert done.filled == ["wte.weight", "free.weight"] and done.tied == ["head.weight"]


def test_sequences_show_the_activation():
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 2))
    plan = fanin.torch.plan(model, seed=0)
    assert plan["0.weight"].call == "he(follows=true)" and "gelu follows" in repr(plan["0.weight"])
    assert plan["3.0.weight"].call == "glorot" and "tanh follows" in repr(plan["3.0.weight"])
    assert "follows" not in repr(plan["4.weight"])


def test_parametrizations_are_seen_through():
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 5)), parametrizations.spectral_norm(nn.Linear(5, 4)))
    plan = fanin.torch.plan(model, recipe="he", seed=0)
    assert plan["0.parametrizations.weight.original1"].fan_in == 6
    assert plan["1.parametrizations.weight.original"].fan_in == 5
    assert plan["0.parametrizations.weight.original0"].tied == "0.parametrizations.weight.original1"
    fanin.torch.init_(model, plan)
    held = model[0].parametrizations.weight
    assert torch.allclose(held.original0, held.original1.norm(dim=1, keepdim=True), rtol=1e-6)


def test_lazy_modules_are_refused_with_the_remedy():
    with pytest.raises(fanin.Refused, match="on one batch first"):
        fanin.torch.plan(nn.LazyLinear(4))


def test_the_seed_is_torchs_where_none_is_given():
    model = nn.Linear(3, 3)
    torch.manual_seed(5)
    first, second = fanin.torch.plan(model), fanin.torch.plan(model)
    torch.manual_seed(5)
    assert fanin.torch.plan(model).seed == first.seed != second.seed


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.blocks = nn.ModuleList(Block(8) for _ in range(2))
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = torch.relu(self.conv(x)).mean((2, 3))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def test_example_inputs_add_what_the_graph_shows():
    pytest.importorskip("onnxscript")
    model = Net()
    blind, seen = fanin.torch.plan(model, seed=0), fanin.torch.plan(model, torch.randn(2, 3, 9, 9), seed=0)
    assert "relu follows" in repr(seen["conv.weight"]) and "relu follows" not in repr(blind["conv.weight"])
    assert "gelu follows" in repr(seen["blocks.1.up.weight"]) and "residual" in repr(seen["blocks.1.down.weight"])
    assert list(blind) == list(seen) and model.training
