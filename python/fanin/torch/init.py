"""The functions of ``torch.nn.init`` under their names and with their arguments, their values made by fanin.

The laws are torch's own, to their fans and gains. The seed of each call is drawn from torch's generator, so
``torch.manual_seed`` and ``generator=`` govern them; unlike torch's, the values are then the same on every device, number of
threads and layout of shards, in every element type after rounding. What works on ``meta`` there works here.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.init import calculate_gain

from .. import _fanin
from ..errors import refused
from .fill import _paired, fill_local
from .layout import Local, local

_Mode = Literal["fan_in", "fan_out"]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Values from U(a, b)."""
    return _fill(tensor, f"uniform(low={a!r}, high={b!r})", generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Values from N(mean, std²)."""
    if tensor.is_complex():
        # The variance of a complex number is that of both its parts together.
        std /= math.sqrt(2.0)
    return _fill(tensor, f"normal(mean={mean!r}, std={std!r})", generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Values from N(mean, std²) cut to [a, b], exactly; the bounds are absolute."""
    call = f"truncated(mean={mean!r}, std={std!r}, low={a!r}, high={b!r}, units=absolute, corrected=false)"
    return _fill(tensor, call, generator)


@torch.no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """The value ``val`` everywhere."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """The value 1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """The value 0 everywhere."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity, as far as it goes in a matrix that is not square."""
    _check(tensor.ndim == 2, tensor, "eye_", "a matrix")
    return _fill(tensor, "torch:eye_", None, drawn=False)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Kernels that pass their input unchanged, within each group."""
    _check(tensor.ndim in (3, 4, 5), tensor, "dirac_", "3, 4 or 5 dimensions")
    _check(tensor.shape[0] % groups == 0, tensor, "dirac_", f"a first dimension that {groups} groups divide")
    return _fill(tensor, f"torch:dirac_(groups={groups})", None, drawn=False)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Values from U(-b, b), b = gain·√(6 / (fan_in + fan_out))."""
    return _scaled(tensor, gain, "mean", "uniform", "xavier_uniform_", generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Values from N(0, gain²·2 / (fan_in + fan_out))."""
    return _scaled(tensor, gain, "mean", "normal", "xavier_normal_", generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: _Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Values from U(-b, b), b = gain·√(3 / fan); ``a`` is the slope of the leaky rectifier."""
    return _kaiming(tensor, a, mode, nonlinearity, "uniform", generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: _Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Values from N(0, gain² / fan); ``a`` is the slope of the leaky rectifier."""
    return _kaiming(tensor, a, mode, nonlinearity, "normal", generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """A (semi-)orthogonal matrix times ``gain``, by Haar's measure; dimensions behind the second are one with it."""
    _check(tensor.ndim >= 2, tensor, "orthogonal_", "2 dimensions or more")
    if tensor.numel() == 0 or tensor.is_meta:
        return tensor
    return _fill(tensor, f"torch:orthogonal_(gain={float(gain)!r})", generator)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: torch.Generator | None = None) -> Tensor:
    """Columns of which the share ``sparsity`` is zero, the rest from N(0, std²)."""
    _check(tensor.ndim == 2, tensor, "sparse_", "a matrix")
    return _fill(tensor, f"torch:sparse_(sparsity={float(sparsity)!r}, std={float(std)!r})", generator)


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: Any, draw: str, generator: Any) -> Tensor:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return tensor
    fan = {"fan_in": "in", "fan_out": "out"}.get(str(mode).lower())
    if fan is None:
        raise refused("mode", f"kaiming_{draw}_", f"`{mode}` is no mode", "fan_in or fan_out", "Name one of the two.")
    return _scaled(tensor, calculate_gain(nonlinearity, a), fan, draw, f"kaiming_{draw}_", generator)


def _scaled(tensor: Tensor, gain: float, fan: str, draw: str, name: str, generator: Any) -> Tensor:
    _check(tensor.ndim >= 2, tensor, name, "2 dimensions or more, to have fans")
    if gain == 0.0:
        return zeros_(tensor)
    scale = float(gain) ** 2
    return _fill(tensor, f"variance_scaling(scale={scale!r}, fan={fan}, draw={draw}, count=torch)", generator)


def _check(holds: bool, tensor: Tensor, name: str, expected: str, what: str | None = None) -> None:
    if not holds:
        wrong = what or f"its shape is {list(tensor.shape)}"
        raise refused("tensor", name, wrong, expected, "Reshape it, or use another method.")


def _fill(tensor: Tensor, call: str, generator: torch.Generator | None, drawn: bool = True) -> Tensor:
    if tensor.is_meta:
        return tensor
    seed = _seed(generator) if drawn else 0
    here = local(tensor, "tensor")
    # torch's layout, which its count of the fans is for: [out, in, field…].
    facts = "role:weight axes:" + ",".join(["out", "in", *["field"] * (len(here.shape) - 2)][: max(len(here.shape), 1)])
    if here.data.is_complex():
        _check(call.startswith(("normal", "variance_scaling")), tensor, call, "real numbers", what=f"it holds {tensor.dtype}")
        here = Local((*here.shape, 2), _paired(here.region), torch.view_as_real(here.data.resolve_conj()))
        # Both parts share the variance, as the places of a field do.
        facts += ",field"
    shape, facts = list(here.shape), facts if here.shape else ""

    def write(out: Any, dtype: str) -> None:
        _fanin.fill(out, call, shape, dtype, seed=seed, facts=facts, region=here.region)

    fill_local(here, write)
    torch.autograd.graph.increment_version(tensor)
    return tensor


def _seed(generator: torch.Generator | None) -> int:
    """A seed from torch's generator, which moves on by one number."""
    device = "cpu" if generator is None else generator.device
    return int(torch.randint(0, 2**63 - 1, (), dtype=torch.int64, generator=generator, device=device))


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    old = function.__name__[:-1]

    def renamed(*args: Any, **options: Any) -> Tensor:
        text = f"`nn.init.{old}` is now deprecated in favor of `nn.init.{function.__name__}`."
        warnings.warn(text, FutureWarning, stacklevel=2)
        return function(*args, **options)

    renamed.__name__ = old
    renamed.__doc__ = f"The old name of :func:`{function.__name__}`."
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)

__all__ = ["calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_"]
__all__ += ["orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_"]
