"""Building a model without paying for values that are replaced at once."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

#: The functions of torch.nn.init that draw or fill; what they are called with inside :func:`skip_init` stays as it is.
_FUNCTIONS: tuple[str, ...] = ("uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_")
_FUNCTIONS += ("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_")

_here = threading.local()
_lock = threading.Lock()
_users = 0
_undo: list[Callable[[], None]] = []


@contextmanager
def skip_init() -> Iterator[None]:
    """Parameters that modules make inside get memory, but no values: give them some with :func:`init_` afterwards.

    .. code-block:: python

        with fanin.torch.skip_init():
            model = GPT2LMHeadModel(config)
        fanin.torch.init_(model, plan)

    Functions of ``torch.nn.init`` leave parameters alone meanwhile, in this thread only; buffers, and tensors that are no
    parameters, are computed as ever. What transformers' ``init_weights`` draws for parameters is skipped too; that it ties
    them is not.
    """
    depth = getattr(_here, "depth", 0)
    _enter()
    _here.depth = depth + 1
    try:
        yield
    finally:
        _here.depth = depth
        _leave()


def _enter() -> None:
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _patch()


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            while _undo:
                _undo.pop()()


def _patch() -> None:
    """Puts a gate before each function, wherever a module of torch has it by name, and where transformers keeps it."""
    originals = {name: getattr(nn.init, name) for name in _FUNCTIONS}
    owners = [module for path, module in list(sys.modules.items()) if path.startswith("torch.nn.") and module is not None]
    tables = [vars(owner) for owner in owners]
    tables += [getattr(sys.modules.get("transformers.initialization"), "TORCH_INIT_FUNCTIONS", {})]
    for name, original in originals.items():
        gate = _gate(original)
        for table in tables:
            if table.get(name) is original:
                _undo.append(functools.partial(table.__setitem__, name, original))
                table[name] = gate


def _gate(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def gate(tensor: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        if getattr(_here, "depth", 0) and isinstance(tensor, nn.Parameter):
            return tensor
        return original(tensor, *args, **options)

    return gate
