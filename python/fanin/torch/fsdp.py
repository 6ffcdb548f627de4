"""FSDP1: its ``param_init_fn`` gets a module without a name, so the names are noted before anything is wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..plan import Plan
from .fill import checked, fill_local, values
from .names import canonical


def param_init_fn(model: nn.Module, plan: Plan, device: Any = None) -> Callable[[nn.Module], None]:
    """The ``param_init_fn`` of ``FullyShardedDataParallel`` for a model on ``meta``; call it before wrapping.

    .. code-block:: python

        FSDP(model, param_init_fn=fanin.torch.param_init_fn(model, plan), ...)

    FSDP1 asks for the tensors of one unit at a time, whole, and shards them itself.
    """
    names = {id(module): path for path, module in model.named_modules()}
    if device is None:
        device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")

    def fill(module: nn.Module) -> None:
        if any(tensor.is_meta for tensor in [*module._parameters.values(), *module._buffers.values()] if tensor is not None):
            module.to_empty(device=device, recurse=False)
        path = canonical(f"{names[id(module)]}.") if names[id(module)] else ""
        for attribute, tensor in module._parameters.items():
            if tensor is None:
                continue
            name = path + attribute
            here = checked(tensor, name, plan)
            if not plan.keeps(name):
                fill_local(here, values(plan, name, None))
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
            module.reset_running_stats()

    return fill
