"""Shards: what a rank holds, the same digest under every layout, and what `verify` catches."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import fanin
import fanin.torch
import numpy as np
from fanin.torch import layout
from torch import nn

SCRIPT = Path(__file__).with_name("sharded.py")


def ran(world, *layouts):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}", str(SCRIPT), *layouts]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


ALONE = ["plain", "fsdp1", "fsdp2", "tp"]
#: Layouts of two dimensions, one of them of two ranks.
PAIRS = ["hsdp", "fsdp2+tp"]


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
@pytest.mark.parametrize(
    ("world", "layouts"),
    [(1, ALONE), (2, [*ALONE, *PAIRS]), (3, ALONE), (4, [*ALONE, *PAIRS])],
)
def test_the_same_digest_on_any_number_of_ranks(world, layouts):
    import sharded

    plan = sharded.planned()
    model = sharded.Net()
    fanin.torch.init_(model, plan)
    one = fanin.torch.verify(model, plan)
    lines = ran(world, *layouts)
    assert [line["layout"] for line in lines] == layouts and one
    for line in lines:
        assert line["good"] and line["digest"] == one.digest and line["elements"] == one.elements, line
        assert line["different"] == ["emb.weight"], line
        if world > 1 and line["layout"] in ("plain", "hsdp", "fsdp1"):
            assert line["replicas"] == ["emb.weight"], line
        if world > 1 and line["layout"] == "fsdp2":
            assert line["repeated"] == ["emb.weight"], line


class Mesh:
    def __init__(self, sizes, coordinate):
        self._sizes, self._coordinate = sizes, coordinate

    def size(self, at):
        return self._sizes[at]

    def get_coordinate(self):
        return self._coordinate


class Sharded:
    """As much of a DTensor as its layout takes."""

    def __init__(self, shape, placements, mesh):
        self.shape, self.placements, self.device_mesh, self.ndim = shape, placements, mesh, len(shape)


def by_chunks(shape, placements, sizes, coordinate):
    """What DTensor's definition gives: `torch.chunk` of the indices, mesh dimension by mesh dimension."""
    dims = [np.arange(size) for size in shape]
    chunk = lambda a, k: [a[i : i + (-(-len(a) // k) or 1)] for i in range(0, len(a), -(-len(a) // k) or 1)]
    for at, placement in enumerate(placements):
        if placement.is_replicate():
            continue
        mine = [p[coordinate[at]] for b in chunk(dims[placement.dim], getattr(placement, "split_factor", 1))
                if coordinate[at] < len(p := chunk(b, sizes[at]))]
        dims[placement.dim] = np.concatenate(mine) if mine else dims[placement.dim][:0]
    return dims


def test_layouts_of_every_placement():
    from torch.distributed.tensor import Replicate, Shard
    from torch.distributed.tensor.placement_types import _StridedShard

    kinds = [Replicate(), Shard(0), Shard(1), _StridedShard(0, split_factor=2), _StridedShard(1, split_factor=3)]
    shapes = [(8, 8), (7, 5), (1, 3), (2, 9), (13, 1), (0, 4)]
    checked = 0
    for shape, pair, sizes in itertools.product(shapes, itertools.product(kinds, kinds), [(2, 2), (3, 2)]):
        seen = np.zeros(shape, int)
        for coordinate in itertools.product(range(sizes[0]), range(sizes[1])):
            held = layout._dtensor(Sharded(shape, pair, Mesh(sizes, coordinate)), "w")
            indices = [np.array([i for start, stop in dim for i in range(start, stop)], int) for dim in held]
            for mine, theirs in zip(indices, by_chunks(shape, pair, sizes, coordinate), strict=True):
                assert np.array_equal(mine, theirs), (shape, pair, coordinate)
            seen[np.ix_(*indices)] += 1
            checked += 1
        copies = np.prod([size for kind, size in zip(pair, sizes, strict=True) if kind.is_replicate()])
        assert (seen == copies).all(), (shape, pair)
    assert checked > 1000


def test_flat_pieces_of_zero_3():
    """Parameters with the attributes that DeepSpeed gives them: each rank fills its flat piece."""
    whole = nn.Linear(7, 5)
    plan = fanin.torch.plan(whole, recipe="he", seed=1, set={"weight": "orthogonal"})
    fanin.torch.init_(whole, plan)
    for world in (1, 2, 3, 4):
        pieces = []
        for rank in range(world):
            model = nn.Linear(7, 5)
            for name, parameter in list(model.named_parameters()):
                total = parameter.numel()
                piece = -(-total // world)
                parameter.ds_shape, parameter.ds_numel, parameter.ds_tensor = parameter.shape, total, torch.zeros(piece)
                parameter.data = torch.empty(0)
            original = torch.distributed.is_initialized, torch.distributed.get_rank
            torch.distributed.is_initialized, torch.distributed.get_rank = lambda: True, lambda group=None, rank=rank: rank
            try:
                fanin.torch.init_(model, plan)
            finally:
                torch.distributed.is_initialized, torch.distributed.get_rank = original
            pieces.append(model.weight.ds_tensor)
        assert torch.equal(torch.cat(pieces)[:35].view(5, 7), whole.weight)


def test_flat_pieces_of_complex_numbers(monkeypatch):
    """A piece of n complex numbers is one of 2n real ones, wherever it starts."""
    whole = nn.Module()
    whole.weight = nn.Parameter(torch.empty(5, 7, dtype=torch.complex64))
    plan = fanin.torch.plan(whole, seed=1, set={"weight": "normal(std=1.0)"})
    fanin.torch.init_(whole, plan)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    for rank, (start, stop) in enumerate([(0, 12), (12, 24), (24, 35)]):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda group=None, rank=rank: rank)
        model = nn.Module()
        model.weight = nn.Parameter(torch.empty(0, dtype=torch.complex64))
        model.weight.ds_shape, model.weight.ds_numel = whole.weight.shape, 35
        model.weight.ds_tensor = torch.zeros(12, dtype=torch.complex64)
        fanin.torch.init_(model, plan)
        assert torch.equal(model.weight.ds_tensor[: stop - start], whole.weight.detach().reshape(-1)[start:stop])


def test_shards_that_describe_themselves():
    """Values with the attributes of Megatron-core's `ShardedTensor`."""
    from types import SimpleNamespace

    whole = nn.Linear(6, 8)
    plan = fanin.torch.plan(whole, recipe="he", seed=1)
    fanin.torch.init_(whole, plan)
    halves = [torch.empty(4, 6), torch.empty(4, 6)]
    for at, half in enumerate(halves):
        shard = SimpleNamespace(key="weight", data=half, global_shape=(8, 6), global_offset=(4 * at, 0))
        assert fanin.torch.init_shards_({"fc1": {"weight": shard, "_extra_state": None}}, plan) == ["weight"]
    assert torch.equal(torch.cat(halves), whole.weight)
    shard.key = "wieght"
    with pytest.raises(fanin.Refused, match="plan"):
        fanin.torch.init_shards_({"x": shard}, plan)


def test_partial_and_meta_tensors_are_refused():
    from torch.distributed.tensor import Partial

    with pytest.raises(fanin.Refused, match="Partial|P\\("):
        layout._dtensor(Sharded((4, 4), [Partial()], Mesh((2,), (0,))), "w")
