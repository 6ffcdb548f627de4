"""The tensors of a model under the names that its checkpoint gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

#: What wrappers put into the names of what they wrap.
_WRAPPERS = ("_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_orig_mod.")


class Held(NamedTuple):
    """A tensor of a model, with where it is held."""

    name: str
    """Its name in the checkpoint."""
    tensor: torch.Tensor
    module: nn.Module
    """The module that holds it."""
    attribute: str
    """Its name there."""
    is_parameter: bool


def canonical(name: str) -> str:
    """A name as the model itself has it, whatever wraps the model."""
    for wrapper in _WRAPPERS:
        name = name.replace(wrapper, "")
    return name.removeprefix("module.")


def held(model: nn.Module) -> Iterator[Held]:
    """Parameters and persistent buffers in the order of ``state_dict``; what is tied comes under each of its names."""
    for path, module in model.named_modules(remove_duplicate=False):
        prefix = canonical(f"{path}.") if path else ""
        for attribute, tensor in module._parameters.items():
            if tensor is not None:
                yield Held(prefix + attribute, tensor, module, attribute, True)
        for attribute, tensor in module._buffers.items():
            if tensor is not None and attribute not in module._non_persistent_buffers_set:
                yield Held(prefix + attribute, tensor, module, attribute, False)


def hidden_buffers(model: nn.Module) -> Iterator[str]:
    """Names of the buffers that no checkpoint holds: masks, tables of frequencies."""
    for path, module in model.named_modules():
        prefix = canonical(f"{path}.") if path else ""
        for attribute in module._non_persistent_buffers_set:
            if module._buffers.get(attribute) is not None:
                yield prefix + attribute
