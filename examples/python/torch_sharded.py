"""A sharded torch model: every rank fills what it holds, and hashes prove that all of it is one model.

    torchrun --standalone --nproc-per-node 2 examples/python/torch_sharded.py
"""

import fanin.torch
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard

dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
device = torch.device("cuda", dist.get_rank() % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device("cpu")

# The plan is made of the whole model, which on `meta` costs no memory, before anything is sharded.
with torch.device("meta"):
    model = nn.Sequential(*(nn.TransformerEncoderLayer(64, 4, 256, batch_first=True) for _ in range(4)), nn.Linear(64, 10))
plan = fanin.torch.plan(model, seed=0)

for layer in model:
    fully_shard(layer)
fully_shard(model)
model.to_empty(device=device)
fanin.torch.init_(model, plan).check()

verified = fanin.torch.verify(model, plan)
if dist.get_rank() == 0:
    print(verified)
assert verified
dist.destroy_process_group()
