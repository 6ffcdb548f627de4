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
    assert pinned == [True] and len(done.filled) == 4
    for one, two in zip(near.parameters(), other.parameters(), strict=True):
        assert isinstance(two, Far) and torch.equal(one, two.as_subclass(torch.Tensor))


@pytest.mark.parametrize(("limit", "groups"), [(200, 3), (1 << 20, 1)])
def test_what_is_made_together_changes_no_value(pinned, monkeypatch, limit, groups):
    """Bytes: 64, 128, 128, 4, 12, 60."""
    shapes = [(16,), (4, 8), (32,), (1,), (3,), (5, 3)]
    near = nn.ParameterDict({f"p{at}": nn.Parameter(torch.zeros(shape)) for at, shape in enumerate(shapes)})
    other = far(nn.ParameterDict({name: nn.Parameter(torch.zeros_like(value)) for name, value in near.items()}))
    plan = fanin.torch.plan(near, recipe="he", seed=4, set={"*": "uniform(low=-1, high=1)"})
    fanin.torch.init_(near, plan)
    monkeypatch.setattr(fanin.torch.beside, "_TOGETHER", limit)
    pinned.clear()
    fanin.torch.init_(other, plan)
    assert pinned == [True] * groups
    for one, two in zip(near.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two.as_subclass(torch.Tensor))


def test_large_tensors_go_in_rows_and_structures_whole(pinned, monkeypatch):
    """Also those of shards: a box, several ranges of rows, a flat range."""
    model = nn.ParameterDict({name: nn.Parameter(torch.zeros(50, 6)) for name in ("each", "whole", "box", "ranges", "flat")})
    plan = fanin.torch.plan(model, recipe="he", seed=4, set={"*": "normal", "whole": "orthogonal"})
    fanin.torch.init_(model, plan)
    held = {"each": None, "whole": None, "box": [[(3, 40)], [(2, 5)]], "ranges": [[(3, 9), (20, 41)], [(0, 6)]], "flat": (7, 290)}
    want = {name: value.detach() for name, value in model.items()}
    want |= {"box": want["box"][3:40, 2:5], "flat": want["flat"].reshape(-1)[7:290]}
    want["ranges"] = torch.cat([want["ranges"][3:9], want["ranges"][20:41]])
    asked = []

    def make(orders):
        asked.append([name for name, *_ in orders])
        plan._core.fill_all(orders)

    monkeypatch.setattr(fanin.torch.beside, "_TOGETHER", 200)
    there = {name: torch.zeros_like(value).as_subclass(Far) for name, value in want.items()}
    tensors = [fanin.torch.beside.Far(name, data, held[name], plan._core.is_whole(name)) for name, data in there.items()]
    fanin.torch.beside.fill(tensors, make)
    for name, value in want.items():
        assert torch.equal(there[name].as_subclass(torch.Tensor), value), name
    assert [name for group in asked for name in group].count("each") == 7 and ["whole"] in asked


def test_functions_of_torch_go_by_pinned_memory(pinned):
    here, there = torch.zeros(8, 6), torch.zeros(8, 6).as_subclass(Far)
    for tensor in (here, there):
        fanin.torch.init.kaiming_normal_(tensor, generator=torch.Generator().manual_seed(3))
    assert pinned == [True] and here.any() and torch.equal(here, there.as_subclass(torch.Tensor))


on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="without CUDA")


class Mixed(nn.Module):
    """Layers, a table, running statistics, memory with gaps, and one tensor larger than what is made together."""

    def __init__(self, device=None):
        super().__init__()
        kind = {"device": device}
        self.net = nn.Sequential(nn.Conv2d(3, 8, 3, **kind), nn.BatchNorm2d(8, **kind), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10, **kind))
        self.table = nn.Embedding(5000, 64, **kind)
        self.gaps = nn.Parameter(torch.empty(40, 30, **kind).t())
        self.last = nn.Parameter(torch.empty(8, 4, 3, 3, **kind).to(memory_format=torch.channels_last))
        self.large = nn.Parameter(torch.empty(4200, 4096, **kind))

    def forward(self, x):
        return self.net(x)


def both(dtype=torch.float32):
    near, other = Mixed().to(dtype), Mixed("cuda").to(dtype)
    rules = {"gaps": "orthogonal", "*bias": "uniform(low=-1, high=1)", "large": "normal(std=0.02)", "last": "he"}
    return near, other, fanin.torch.plan(near, recipe="he", seed=4, set=rules)


@on_cuda
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.float8_e4m3fn])
def test_cuda_has_the_values_of_the_cpu(dtype):
    near, other, plan = both(dtype)
    done = fanin.torch.init_(near, plan)
    there = fanin.torch.init_(other, plan)
    assert there.filled == done.filled and there.reset == done.reset and there.reset
    for (name, one), two in zip(near.named_parameters(), other.parameters(), strict=True):
        assert two.is_cuda and two.stride() == one.stride(), name
        assert torch.equal(one.detach().view(torch.uint8) if dtype.itemsize == 1 else one, (two.detach().cpu().view(torch.uint8) if dtype.itemsize == 1 else two.cpu())), name
    found = fanin.torch.verify(other, plan)
    assert found and found.digest == fanin.torch.verify(near, plan).digest
    with torch.no_grad():
        other.table.weight[3, 2] += 1
    assert fanin.torch.verify(other, plan).different == ["table.weight"]


@on_cuda
def test_cuda_holds_complex_numbers_views_and_other_streams():
    near, there = torch.zeros(6, 4, dtype=torch.complex64), torch.zeros(6, 4, dtype=torch.complex64, device="cuda")
    for tensor in (near, there):
        fanin.torch.init.normal_(tensor, generator=torch.Generator().manual_seed(3))
    assert near.any() and torch.equal(near, there.cpu())
    wide = torch.zeros(64, 64, device="cuda")
    fanin.torch.init.normal_(wide[::2, 1::3], generator=torch.Generator().manual_seed(3))
    assert wide[::2, 1::3].all() and not wide[1::2].any() and not wide[:, ::3].any()
    near, other, plan = both()
    fanin.torch.init_(near, plan)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        fanin.torch.init_(other, plan)
        total = other.large.double().sum()
    stream.synchronize()
    assert total.item() == other.large.double().sum().item() and torch.equal(near.large, other.large.cpu())


@on_cuda
def test_generators_of_cuda_govern_the_functions():
    draw = lambda seed: fanin.torch.init.kaiming_normal_(torch.zeros(8, 6, device="cuda"), generator=torch.Generator("cuda").manual_seed(seed))
    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))


@on_cuda
def test_models_from_meta_and_without_values_fill_on_cuda():
    near, _, plan = both()
    fanin.torch.init_(near, plan)
    with torch.device("meta"):
        model = Mixed()
    with pytest.raises(fanin.Refused, match="meta"):
        fanin.torch.init_(model, plan)
    fanin.torch.init_(model.to_empty(device="cuda"), plan).check()
    with fanin.torch.skip_init(), torch.device("cuda"):
        skipped = Mixed()
    fanin.torch.init_(skipped, plan)
    for name, one in near.named_parameters():
        assert torch.equal(one, model.get_parameter(name).cpu()) and torch.equal(one, skipped.get_parameter(name).cpu()), name


@on_cuda
def test_signals_are_measured_and_calibrated_on_cuda():
    near, other, plan = both()
    fanin.torch.init_(near, plan)
    fanin.torch.init_(other, plan)
    batch, labels = torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(64) % 10
    loss = nn.functional.cross_entropy
    for graph in (False, True):
        here = fanin.torch.diagnose(near, (batch, labels), loss, plan=plan, graph=graph)
        there = fanin.torch.diagnose(other, (batch.cuda(), labels.cuda()), loss, plan=plan, graph=graph)
        for one, two in zip(here.layers, there.layers, strict=True):
            assert one["name"] == two["name"] and two["forward"] == pytest.approx(one["forward"], rel=0.02)
            assert two["backward"] == pytest.approx(one["backward"], rel=0.02)
    kept = fanin.torch.lsuv_(other, plan, batch.cuda())
    alone = fanin.torch.lsuv_(near, plan, batch)
    assert kept["net.0.weight"].std == pytest.approx(alone["net.0.weight"].std, rel=1e-3)
    assert fanin.torch.verify(other, kept)


@on_cuda
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
@pytest.mark.parametrize(
    ("world", "backend"),
    [(1, "nccl"), (1, "gloo"), (2, "gloo"), (4, "gloo")],
)
def test_shards_on_cuda_have_the_digest_of_the_cpu(monkeypatch, world, backend):
    import sharded
    from test_torch_sharded import ALONE, PAIRS, ran

    layouts = ALONE if world == 1 else [*ALONE, *PAIRS]
    monkeypatch.setenv("FANIN_DEVICE", "cuda")
    monkeypatch.setenv("FANIN_BACKEND", backend)
    model, plan = sharded.Net(), sharded.planned()
    fanin.torch.init_(model, plan)
    one = fanin.torch.verify(model, plan)
    lines = ran(world, *layouts)
    assert [line["layout"] for line in lines] == layouts and one
    for line in lines:
        assert line["good"] and line["digest"] == one.digest and line["elements"] == one.elements, line
        assert line["different"] == ["emb.weight"], line
