"""Keras' initializers under their names and with their arguments, their values made by fanin.

Each is a subclass of Keras' own of the same name: configurations, checks and the meaning of seeds are inherited, and
``isinstance`` holds. The same seed gives the same values in every backend, on every device and number of threads.

An integer seed, or none, gives the same values at every call of one initializer; a ``SeedGenerator`` others each time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import initializers as own
from keras import ops

from .. import _fanin
from ..arrays import bytes_of, dtype_name
from ..errors import refused
from ..methods import Call, call

_registered = keras.saving.register_keras_serializable(package="fanin")


def _seed(seed: Any) -> int:
    """The seed of one call."""
    if isinstance(seed, int):
        return seed % 2**64
    try:
        low, high = (int(word) % 2**32 for word in ops.convert_to_numpy(seed.next()))
    except Exception as error:  # whatever a backend raises for a tensor without values
        wrong, remedy = "its state has no value here: the code is being traced", "Give an integer seed, or build outside."
        raise refused("seed", "initializer", wrong, "a seed that is known", remedy) from error
    return low << 32 | high


def _drawn(shape: Sequence[int], dtype: Any, call: str, seed: int, facts: str = "") -> Any:
    """A tensor of the backend with the values of a call."""
    kind = keras.backend.standardize_dtype(dtype or keras.backend.floatx())
    if not (kind.startswith("float") or kind == "bfloat16"):
        raise refused("dtype", str(call), f"`{kind}` holds no random numbers", "a floating-point type", "Ask for float32.")
    # bfloat16 is no type of NumPy: its values are those of float32, rounded once by the backend.
    stored = kind if hasattr(np, kind) else "float32"
    array = np.empty(tuple(int(size) for size in shape), stored)
    _fanin.fill(bytes_of(array), str(call), list(array.shape), dtype_name(array.dtype), seed=seed, facts=facts)
    return ops.convert_to_tensor(array, dtype=kind)


@_registered
class Method(own.Initializer):
    """Any method of fanin as an initializer: ``Method("he(fan=out)")``, ``Method(fanin.methods.orthogonal(gain=2))``.

    The dimensions of the shape are read as Keras' are, ``[field…, in, out]``, unless ``axes`` says otherwise.
    """

    def __init__(self, call: str, seed: Any = None, axes: str | None = None) -> None:
        self.call = Call(call)
        self.axes = axes
        self._random = own.RandomNormal(seed=seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        dims = self.axes or ",".join([*["field"] * (len(shape) - 2), "in", "out"][-len(shape) :] if shape else [])
        return _drawn(shape, dtype, self.call, _seed(self._random.seed), f"role:weight axes:{dims}" if dims else "")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"call": str(self.call), "seed": self._random.get_config()["seed"], "axes": self.axes}


@_registered
class Zeros(own.Zeros):
    """The value 0 everywhere."""


@_registered
class Ones(own.Ones):
    """The value 1 everywhere."""


@_registered
class Constant(own.Constant):
    """One value everywhere."""


@_registered
class Identity(own.Identity):
    """The identity matrix times ``gain``."""


@_registered
class RandomNormal(own.RandomNormal):
    """Values from N(mean, stddev²)."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        return _drawn(shape, dtype, call("normal", mean=float(self.mean), std=float(self.stddev)), _seed(self.seed))


@_registered
class TruncatedNormal(own.TruncatedNormal):
    """Values from N(mean, stddev²) cut at two standard deviations, which makes it narrower than ``stddev`` by 0.88."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        drawn = call("keras:TruncatedNormal", mean=float(self.mean), stddev=float(self.stddev))
        return _drawn(shape, dtype, drawn, _seed(self.seed))


@_registered
class RandomUniform(own.RandomUniform):
    """Values from U(minval, maxval)."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        return _drawn(shape, dtype, call("uniform", low=float(self.minval), high=float(self.maxval)), _seed(self.seed))


class _Scaled:
    """What the family of variance scaling shares: the variance scale / fan, spread as ``distribution`` says."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        variance = self._variance(shape)
        std = math.sqrt(variance)
        if self.distribution == "uniform":  # type: ignore[attr-defined]
            bound = math.sqrt(3.0 * variance)
            drawn = call("uniform", low=-bound, high=bound)
        elif self.distribution == "untruncated_normal":  # type: ignore[attr-defined]
            drawn = call("normal", std=std)
        else:
            drawn = call("truncated", std=std)
        return _drawn(shape, dtype, drawn, _seed(self.seed))  # type: ignore[attr-defined]

    def _variance(self: Any, shape: Sequence[int]) -> float:
        fan_in, fan_out = _fans(shape, getattr(self, "input_axes", None), getattr(self, "output_axes", None))
        fan = {"fan_in": fan_in, "fan_out": fan_out}.get(self.mode, (fan_in + fan_out) / 2.0)
        return self.scale / max(1.0, fan)


def _fans(shape: Sequence[int], inputs: Any, outputs: Any) -> tuple[float, float]:
    """Keras' count: ``[field…, in, out]``, or the dimensions that are named."""
    rank = len(shape)
    if rank == 0:
        return 1.0, 1.0
    if rank == 1 and inputs is None and outputs is None:
        return float(shape[0]), float(shape[0])
    if inputs is None and outputs is None:
        ins, outs = {rank - 2}, {rank - 1}
    else:
        of = lambda axes: {int(axis) % rank for axis in ([axes] if isinstance(axes, int) else axes or [])}
        ins, outs = of(inputs), of(outputs)
    product = lambda dims: float(np.prod([shape[dim] for dim in dims], dtype=float))
    field = product(set(range(rank)) - ins - outs)
    return product(ins) * field, product(outs) * field


@_registered
class VarianceScaling(_Scaled, own.VarianceScaling):
    """Values of the variance scale / fan."""


@_registered
class GlorotUniform(_Scaled, own.GlorotUniform):
    """Glorot's variance 2 / (fan_in + fan_out), uniform."""


@_registered
class GlorotNormal(_Scaled, own.GlorotNormal):
    """Glorot's variance 2 / (fan_in + fan_out), a normal law cut at two standard deviations."""


@_registered
class LecunNormal(_Scaled, own.LecunNormal):
    """LeCun's variance 1 / fan_in, a normal law cut at two standard deviations."""


@_registered
class LecunUniform(_Scaled, own.LecunUniform):
    """LeCun's variance 1 / fan_in, uniform."""


@_registered
class HeNormal(_Scaled, own.HeNormal):
    """He's variance 2 / fan_in, a normal law cut at two standard deviations."""


@_registered
class HeUniform(_Scaled, own.HeUniform):
    """He's variance 2 / fan_in, uniform."""


@_registered
class Orthogonal(own.Orthogonal):
    """Orthogonal columns (or rows) times ``gain``; all dimensions but the last are one."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        if len(shape) < 2:
            wrong, remedy = f"its shape is {list(shape)}", "Use another initializer for vectors."
            raise refused("shape", "Orthogonal", wrong, "two dimensions or more", remedy)
        rows, columns = int(np.prod(shape[:-1], dtype=np.int64)), int(shape[-1])
        drawn = call("keras:orthogonal", gain=float(self.gain))
        return ops.reshape(_drawn((rows, columns), dtype, drawn, _seed(self.seed), "role:weight axes:in,out"), shape)


__all__ = ["Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform"]
__all__ += ["Method", "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros"]
