"""Building a model without paying for values that are replaced at once."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

#: The functions of torch.nn.init that draw or fill; what they are called with inside :func:`skip_init` stays as it is.
_FUNCTIONS = ("uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_")
_FUNCTIONS += ("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_")

_here = threading.local()
_lock = threading.Lock()
_users = 0
_patched: list[tuple[Any, str, Callable[..., Any]]] = []


@contextmanager
def skip_init() -> Iterator[None]:
    """Parameters that modules make inside get memory, but no values: give them some with :func:`init_` afterwards.

    .. code-block:: python

        with fanin.torch.skip_init():
            model = GPT2LMHeadModel(config)
        fanin.torch.init_(model, plan)

    Functions of ``torch.nn.init`` leave parameters alone meanwhile, in this thread only; buffers, and tensors that are no
    parameters, are computed as ever. Transformers' own ``init_weights`` is skipped too.
    """
    depth = getattr(_here, "depth", 0)
    with ExitStack() as stack:
        transformers = sys.modules.get("transformers.initialization")
        if transformers is not None:
            stack.enter_context(transformers.no_init_weights())
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
            while _patched:
                owner, name, original = _patched.pop()
                setattr(owner, name, original)


def _patch() -> None:
    """Puts a gate before each function, wherever a module of torch has it by name."""
    originals = {name: getattr(nn.init, name) for name in _FUNCTIONS}
    owners = [module for path, module in list(sys.modules.items()) if path.startswith("torch.nn.") and module is not None]
    for name, original in originals.items():
        gate = _gate(original)
        for owner in owners:
            if owner.__dict__.get(name) is original:
                _patched.append((owner, name, original))
                setattr(owner, name, gate)


def _gate(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def gate(tensor: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        if getattr(_here, "depth", 0) and isinstance(tensor, nn.Parameter):
            return tensor
        return original(tensor, *args, **options)

    return gate
