"""Writes the PyTorch files beside it: python make.py (needs torch and safetensors; the files are committed)."""

import argparse
import collections
import pathlib
import sys
import types
import warnings

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

warnings.filterwarnings("ignore")
here = pathlib.Path(__file__).parent
torch.manual_seed(7)


def save(name, content, tensors, old=False):
    """The file, and what it holds as safetensors."""
    torch.save(content, here / name, _use_new_zipfile_serialization=not old)
    reference(name, tensors)


def reference(name, tensors):
    plain = {key: t.detach().clone().contiguous() for key, t in tensors.items()}
    save_file(plain, here / pathlib.Path(name).with_suffix(".safetensors"))


net = nn.Sequential(
    collections.OrderedDict(fc1=nn.Linear(3, 4), norm=nn.BatchNorm1d(4), act=nn.ReLU(), head=nn.Linear(4, 2))
)
state = net.state_dict()
save("state.pt", state, state)
save("state_old.pth", state, state, old=True)

# What training scripts save: a model beside everything else.
optimizer = torch.optim.AdamW(net.parameters())
net(torch.randn(5, 3)).sum().backward()
optimizer.step()
checkpoint = {
    "epoch": 3,
    "best": np.float64(0.5),
    "args": argparse.Namespace(lr=0.1),
    "model_state": {f"module.{key}": t for key, t in net.state_dict().items()},
    "optimizer": optimizer.state_dict(),
    "history": [0.1] * 5,
}
model = checkpoint["model_state"]
save("checkpoint.ckpt", checkpoint, model)
save("checkpoint_old.pt", checkpoint, model, old=True)

# A class that is nowhere to be imported.
config = types.ModuleType("acme_config")
exec("class Config(dict): pass\nclass Slots:\n    __slots__ = ['a']", config.__dict__)
config.Config.__module__ = config.Slots.__module__ = "acme_config"
sys.modules["acme_config"] = config
slots = config.Slots()
slots.a = 1
save("unknown.pt", {"config": config.Config(depth=2), "slots": slots, "net": dict(state)}, state)

# Views: ties, transposed and sliced tensors, channels last, one element for all.
table = torch.randn(5, 3)
fused = torch.randn(6, 3)
views = {
    "emb.weight": table,
    "out.weight": table,
    "q.weight": fused[:2],
    "k.weight": fused[2:4],
    "v.weight": fused[4:],
    "turned.weight": torch.randn(3, 4).t(),
    "conv.weight": torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
}
save("views.pt", views, views)
save("views_old.pt", views, views, old=True)
apart = {"apart.weight": torch.randn(4, 4)[:, ::2], "same.weight": torch.randn(1).expand(3, 2)}
save("apart.pt", apart, apart)

overlap = {"fused.weight": fused, "q.weight": fused[:2]}
save("overlap.pt", overlap, overlap)

kinds = {
    str(dtype).removeprefix("torch."): torch.arange(-3, 5).reshape(2, 4).to(dtype)
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
        torch.uint8, torch.bool, torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16,
    )
}
kinds["none"] = torch.zeros(0, 4)
kinds["scalar"] = torch.tensor(2.5)
kinds["parameter"] = nn.Parameter(torch.randn(2))
save("kinds.pt", kinds, kinds)

# A whole module, and the same module as a program.
save("module.pt", net, state)
torch.jit.script(net.eval()).save(str(here / "script.pt"))
reference("script.pt", state)

save("tree.pt", {"encoder": {"weight": torch.ones(2, 3)}, "decoder": [torch.zeros(2), {"bias": torch.ones(1)}]}, {
    "encoder.weight": torch.ones(2, 3), "decoder.0": torch.zeros(2), "decoder.1.bias": torch.ones(1),
})
