"""What each rank of `test_torch_sharded` runs: one model under several layouts, and what `verify` says of it.

    torchrun --standalone --nproc-per-node 4 python/tests/sharded.py fsdp2 hsdp tp fsdp2+tp

With `FANIN_DEVICE=cuda` the tensors are there (several ranks may share a device, since gloo carries the hashes), with
`FANIN_BACKEND=nccl` the hashes go by NCCL. Rank 0 prints a line of JSON for each layout.
"""

import json
import os
import sys
import warnings

import fanin.torch
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

warnings.filterwarnings("ignore")
DEVICE = os.environ.get("FANIN_DEVICE", "cpu")


class Block(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width, bias=False)


class Net(nn.Module):
    """Sizes that no number of ranks divides, and one layer whose rows depend on each other."""

    def __init__(self, width=12, hidden=20, words=37):
        super().__init__()
        self.emb = nn.Embedding(words, width)
        self.blocks = nn.ModuleList(Block(width, hidden) for _ in range(2))
        self.head = nn.Linear(width, words, bias=False)
        self.odd = nn.Parameter(torch.empty(3, 5, 7))
        self.tiny = nn.Linear(2, 1)


def planned():
    with torch.device("meta"):
        model = Net()
    rules = {"odd": "normal(std=0.5)", "blocks.1.up.weight": "orthogonal", "head.weight": "torch:kaiming_uniform_(a=sqrt(5))"}
    return fanin.torch.plan(model, seed=3, set={**rules, "*.bias": "uniform(low=-0.1, high=0.1)"})


def built(layout, world, plan):
    """The model in one layout, filled."""
    if layout == "fsdp1":
        with torch.device("meta"):
            model = Net()
        fill = fanin.torch.param_init_fn(model, plan, DEVICE)
        return FullyShardedDataParallel(model, param_init_fn=fill, device_id=torch.device(DEVICE))
    with torch.device("meta"):
        model = Net()
    tensor = {f"blocks.{i}.{name}": style for i in range(2) for name, style in (("up", ColwiseParallel()), ("down", RowwiseParallel()))}
    pairs = layout in ("hsdp", "fsdp2+tp")
    mesh = init_device_mesh(DEVICE, (2, world // 2) if pairs else (world,), mesh_dim_names=("a", "b") if pairs else None)
    if layout == "tp":
        parallelize_module(model, mesh, tensor)
    if layout == "fsdp2+tp":
        parallelize_module(model, mesh["b"], tensor)
        mesh = mesh["a"]
    if layout in ("fsdp2", "hsdp", "fsdp2+tp"):
        for block in model.blocks:
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
    model.to_empty(device=DEVICE)
    fanin.torch.init_(model, plan)
    return model


def whole(model):
    """A model that FSDP1 has flattened, with whole tensors again."""
    with FullyShardedDataParallel.summon_full_params(model, writeback=False):
        plain = Net()
        plain.load_state_dict({fanin.torch.names.canonical(k): v.detach().clone() for k, v in model.named_parameters()})
    return plain


def main():
    dist.init_process_group(os.environ.get("FANIN_BACKEND", "gloo"))
    rank, world = dist.get_rank(), dist.get_world_size()
    if DEVICE == "cuda":
        torch.cuda.set_device(rank % torch.cuda.device_count())
    plan = planned()
    for layout in sys.argv[1:]:
        model = built(layout, world, plan)
        model = whole(model) if layout == "fsdp1" else model
        good = fanin.torch.verify(model, plan)
        local = next(p for n, p in model.named_parameters() if n == "emb.weight")
        data = local.to_local() if hasattr(local, "to_local") else local
        with torch.no_grad():
            # Two accidents: replicas that differ, and shards drawn from one seed.
            torch.manual_seed(rank if layout in ("plain", "hsdp", "fsdp1") else 0)
            data.normal_()
        bad = fanin.torch.verify(model, plan)
        if rank == 0:
            line = {"layout": layout, "digest": good.digest, "elements": good.elements, "good": bool(good), "said": repr(good)}
            print(json.dumps(line | {"different": bad.different, "replicas": bad.replicas, "repeated": bad.repeated}), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
