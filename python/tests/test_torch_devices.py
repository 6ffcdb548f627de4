"""Tensors on an accelerator, with a stand-in where there is none: values are made in pinned memory and copied."""

import pytest

torch = pytest.importorskip("torch")

import fanin
import fanin.torch
from torch import nn


class Far(torch.Tensor):
    """A tensor that says it is on CUDA."""

    is_cpu = property(lambda self: False)
    is_cuda = property(lambda self: True)

    def data_ptr(self):
        raise AssertionError("memory of another device was written to by its address")


@pytest.fixture
def pinned(monkeypatch):
    """What was asked for beside a tensor; no memory can be pinned without an accelerator."""
    asked, empty = [], torch.empty

    def counting(*size, pin_memory=False, **options):
        asked.append(pin_memory)
        return empty(*size, **options)

    monkeypatch.setattr(torch, "empty", counting)
    return asked


def far(model):
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            module._parameters[name] = nn.Parameter(parameter.detach().as_subclass(Far))
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_values_go_by_pinned_memory(pinned, dtype):
    near = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3)).to(dtype)
    other = far(nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3)).to(dtype))
    plan = fanin.torch.plan(near, recipe="he", seed=4, set={"1.weight": "orthogonal", "*.bias": "uniform(low=-1, high=1)"})
    pinned.clear()
    fanin.torch.init_(near, plan)
    assert not pinned
    done = fanin.torch.init_(other, plan)
    assert pinned == [True] * 4 and len(done.filled) == 4
    for one, two in zip(near.parameters(), other.parameters(), strict=True):
        assert isinstance(two, Far) and torch.equal(one, two.as_subclass(torch.Tensor))


def test_functions_of_torch_go_by_pinned_memory(pinned):
    here, there = torch.zeros(8, 6), torch.zeros(8, 6).as_subclass(Far)
    for tensor in (here, there):
        fanin.torch.init.kaiming_normal_(tensor, generator=torch.Generator().manual_seed(3))
    assert pinned == [True] and here.any() and torch.equal(here, there.as_subclass(torch.Tensor))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="without CUDA")
def test_cuda_itself_has_the_values_of_the_cpu():
    near, other = nn.Linear(300, 200), nn.Linear(300, 200).to("cuda")
    plan = fanin.torch.plan(near, recipe="he", seed=4)
    fanin.torch.init_(near, plan)
    fanin.torch.init_(other, plan)
    assert torch.equal(near.weight, other.weight.cpu()) and fanin.torch.verify(other, plan)
    assert fanin.torch.diagnose(other, torch.randn(64, 300, device="cuda"), plan=plan, graph=False).layers[0]["forward"] > 0
