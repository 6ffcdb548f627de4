"""What each rank of `test_torch_engines` runs: DeepSpeed's ZeRO-3, or Megatron-core's tensor parallelism, themselves.

    torchrun --standalone --nproc-per-node 2 python/tests/engines.py zero3

Rank 0 prints the digest of the whole model as a line of JSON.
"""

import json
import os
import sys
import warnings

os.environ.setdefault("DS_ACCELERATOR", "cpu")
warnings.filterwarnings("ignore")

import fanin
import fanin.torch
import torch
import torch.distributed as dist
from sharded import Net, planned
from torch import nn


def zero3():
    """Parameters that ZeRO-3 partitions as they are made; whole again only to be compared."""
    import deepspeed

    # Its own shared memory would be compiled now; gloo does without.
    deepspeed.ops.__compatible_ops__.clear()
    deepspeed.init_distributed("gloo", verbose=False)
    settings = {"train_batch_size": dist.get_world_size(), "zero_optimization": {"stage": 3}}
    with deepspeed.zero.Init(config_dict_or_path=settings, dtype=torch.float32):
        model = Net()
    plan = planned()
    pieces = {name: parameter.ds_tensor.numel() for name, parameter in model.named_parameters()}
    done = fanin.torch.init_(model, plan)
    verified = fanin.torch.verify(model, plan)
    total = fanin.Digest()
    for name, parameter in model.named_parameters():
        with deepspeed.zero.GatheredParameters([parameter]):
            total = total + fanin.Digest.of(fanin.torch.fill.memory(parameter.detach()), name, "f32", list(parameter.shape))
    tell({"digest": str(total), "verified": bool(verified), "sum": verified.digest, "filled": len(done.filled), "piece": pieces["emb.weight"]})


class Layers(nn.Module):
    """A column-parallel layer and a row-parallel one."""

    def __init__(self, config):
        super().__init__()
        from megatron.core.tensor_parallel.layers import ColumnParallelLinear, RowParallelLinear

        never = dict(config=config, init_method=lambda weight: None, bias=True, skip_bias_add=False)
        self.up = ColumnParallelLinear(12, 24, gather_output=False, **never)
        self.down = RowParallelLinear(24, 12, input_is_parallel=True, **never)


def megatron():
    """Shards as `sharded_state_dict` of Megatron-core describes them; whole again only to be compared."""
    from megatron.core import ModelParallelConfig, parallel_state

    dist.init_process_group("gloo")
    parallel_state.initialize_model_parallel(tensor_model_parallel_size=dist.get_world_size())
    config = ModelParallelConfig(tensor_model_parallel_size=dist.get_world_size(), use_cpu_initialization=True)
    config.perform_initialization = False
    model = Layers(config)
    whole = nn.ModuleDict({"up": nn.Linear(12, 24), "down": nn.Linear(24, 12)})
    plan = fanin.torch.plan(whole, recipe="he", seed=5, set={"up.weight": "orthogonal", "*.bias": "uniform(low=-1, high=1)"})
    state, replicas = {}, parallel_state.get_data_parallel_group(with_context_parallel=True)
    for name in ("up", "down"):
        state |= getattr(model, name).sharded_state_dict(prefix=f"{name}.", metadata={"dp_cp_group": replicas})
    filled = fanin.torch.init_shards_(state, plan)
    mine = fanin.Digest()
    parts = {}
    for shard in state.values():
        if getattr(shard, "data", None) is None:
            continue
        region = [[(start, start + size)] for start, size in zip(shard.global_offset, shard.data.shape, strict=True)]
        data = shard.data.detach().contiguous()
        parts[shard.key, str(region)] = fanin.Digest.of(fanin.torch.fill.memory(data), shard.key, "f32", list(shard.global_shape), region)
    gathered = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, parts)
    for digest in {place: digest for one in gathered for place, digest in one.items()}.values():
        mine = mine + digest
    fanin.torch.init_(whole, plan)
    expected = fanin.Digest()
    for name, parameter in whole.named_parameters():
        expected = expected + fanin.Digest.of(fanin.torch.fill.memory(parameter.detach()), name, "f32", list(parameter.shape))
    tell({"digest": str(mine), "expected": str(expected), "filled": sorted(filled), "local": list(model.up.weight.shape)})


def tell(line):
    if dist.get_rank() == 0:
        print(json.dumps(line), flush=True)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    {"zero3": zero3, "megatron": megatron}[sys.argv[1]]()
