"""The functions of ``jax.nn.initializers`` under their names and with their arguments, their values made by fanin.

Each gives a function of ``(key, shape, dtype)`` that is pure in the key. Under ``jit`` the values are made by a callback
on the host. ``out_sharding`` places the result: each device's part is made alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import _fanin
from ..arrays import bytes_of, dtype_name
from ..errors import refused
from ..methods import call

Initializer = Callable[..., jax.Array]


def method(call: str, in_axis: Any = -2, out_axis: Any = -1, batch_axis: Any = (), dtype: Any = None) -> Initializer:
    """Any method of fanin as an initializer: ``method("he(fan=out)")``. The axes say what dimensions mean, as in JAX."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> jax.Array:
        return _drawn(key, shape, dtype, str(call), _axes(shape, in_axis, out_axis, batch_axis), out_sharding)

    return init


def _axes(shape: Sequence[int], inputs: Any, outputs: Any, batch: Any = ()) -> str:
    """What each dimension means, in the words of ``--say``."""
    rank = len(shape)
    of = lambda axes: {axis % rank for axis in ([axes] if isinstance(axes, int) else axes) if -rank <= axis < rank}
    ins, outs, stack = of(inputs), of(outputs), of(batch)
    word = lambda d: "stack" if d in stack else "in" if d in ins else "out" if d in outs else "field"
    return "role:weight axes:" + ",".join(word(dim) for dim in range(rank)) if rank else ""


def _drawn(key: Any, shape: Sequence[int], dtype: Any, call: str, facts: str = "", sharding: Any = None) -> jax.Array:
    shape = tuple(int(size) for size in shape)
    kind = jax.dtypes.canonicalize_dtype(jnp.float_ if dtype is None else dtype)
    paired = jnp.issubdtype(kind, jnp.complexfloating)
    if not (paired or jnp.issubdtype(kind, jnp.floating)):
        raise refused("dtype", call, f"`{kind}` holds no random numbers", "a floating-point type", "Ask for float32.")

    def make(words: Any, region: Any = None) -> np.ndarray:
        words = np.asarray(words).reshape(-1)
        seed = int(words[-2]) << 32 | int(words[-1]) if words.size > 1 else int(words[0])
        sizes = shape if region is None else tuple(stop - start for ((start, stop),) in region)
        array = np.empty(sizes, kind)
        _fanin.fill(bytes_of(array), call, list(shape), dtype_name(kind), seed=seed, facts=facts, region=region)
        return array

    if paired:
        return _complex(key, shape, kind, call, facts, sharding)
    words = jax.random.key_data(key) if jnp.issubdtype(jnp.asarray(key).dtype, jax.dtypes.prng_key) else jnp.asarray(key)
    if isinstance(words, jax.core.Tracer):
        return jax.pure_callback(make, jax.ShapeDtypeStruct(shape, kind), words, vmap_method="sequential")
    if sharding is not None and not isinstance(sharding, jax.sharding.PartitionSpec):
        return jax.make_array_from_callback(shape, sharding, lambda index: make(words, boxes(index, shape)))
    return jnp.asarray(make(words))


def _complex(key: Any, shape: tuple[int, ...], kind: Any, call: str, facts: str, sharding: Any) -> jax.Array:
    """Complex numbers as pairs of real ones that share the variance, as the places of a field do."""
    if not facts:
        raise refused("dtype", call, f"`{kind}` is complex", "a method with a fan, or a real type", "Draw both parts.")
    real = jnp.float32 if kind == jnp.complex64 else jnp.float64
    pairs = _drawn(key, (*shape, 2), real, call, facts + ",field", sharding)
    return jax.lax.complex(pairs[..., 0], pairs[..., 1])


def boxes(index: Any, shape: Sequence[int]) -> list[list[tuple[int, int]]]:
    """Slices of a whole array as a region."""
    return [[part.indices(size)[:2]] for part, size in zip(index, shape, strict=True)]


def _plain(call_of: Callable[..., str], dtype: Any, *arguments: Any) -> Initializer:
    """An initializer whose law does not depend on the shape."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> jax.Array:
        return _drawn(key, shape, dtype, call_of(*arguments), "", out_sharding)

    return init


def uniform(scale: Any = 1e-2, dtype: Any = None) -> Initializer:
    """Values from U(0, scale)."""
    return _plain(lambda s: call("uniform", low=0.0, high=float(s)), dtype, scale)


def normal(stddev: Any = 1e-2, dtype: Any = None) -> Initializer:
    """Values from N(0, stddev²)."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> jax.Array:
        if dtype is not None and jnp.issubdtype(dtype, jnp.complexfloating):
            # As a weight without inputs: both parts share the variance.
            drawn = call("variance_scaling", scale=float(stddev) ** 2, fan="in", draw="normal")
            facts = ",".join(["role:weight axes:out", *["out"] * (len(shape) - 1)])
            return _drawn(key, shape, dtype, drawn, facts, out_sharding)
        return _drawn(key, shape, dtype, call("normal", std=float(stddev)), "", out_sharding)

    return init


def truncated_normal(stddev: Any = 1e-2, dtype: Any = None, lower: Any = -2.0, upper: Any = 2.0) -> Initializer:
    """Values from N(0, stddev²) cut at ``lower`` and ``upper`` standard deviations, which makes it narrower."""
    named = lambda s, low, high: call("truncated", std=float(s), low=float(low), high=float(high), corrected=False)
    return _plain(named, dtype, stddev, lower, upper)


def variance_scaling(
    scale: Any,
    mode: str,
    distribution: str,
    in_axis: Any = -2,
    out_axis: Any = -1,
    batch_axis: Any = (),
    dtype: Any = None,
) -> Initializer:
    """Values of the variance scale / fan."""
    fans = {"fan_in": "in", "fan_out": "out", "fan_avg": "mean", "fan_geo_avg": "geometric"}
    draws = {"truncated_normal": "truncated", "normal": "normal", "uniform": "uniform"}
    if mode not in fans or distribution not in draws:
        wrong = f"mode `{mode}` and distribution `{distribution}`"
        expected = f"one of {', '.join(fans)}, and one of {', '.join(draws)}"
        raise refused("mode", "variance_scaling", wrong, expected, "Name one of each.")
    chosen = call("variance_scaling", scale=float(scale), fan=fans[mode], draw=draws[distribution])

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> jax.Array:
        if len(shape) < 2 and (isinstance(in_axis, int) or isinstance(out_axis, int)):
            wrong, expected = f"its shape is {list(shape)}", "two dimensions or more, to have fans"
            raise refused("shape", "variance_scaling", wrong, expected, "Say `in_axis` and `out_axis` as lists, or reshape it.")
        if not shape:
            return init(key, (1,), dtype, out_sharding).reshape(())
        # A batch of weights has the fans of one of them; JAX leaves batch dimensions out of the field.
        return _drawn(key, shape, dtype, chosen, _axes(shape, in_axis, out_axis, batch_axis), out_sharding)

    return init


def _family(scale: float, mode: str, distribution: str, name: str) -> Callable[..., Initializer]:
    def make(in_axis: Any = -2, out_axis: Any = -1, batch_axis: Any = (), dtype: Any = None) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"Values of the variance {scale:g} / {mode}, {distribution.replace('_', ' ')}."
    return make


glorot_uniform = xavier_uniform = _family(1.0, "fan_avg", "uniform", "glorot_uniform")
glorot_normal = xavier_normal = _family(1.0, "fan_avg", "truncated_normal", "glorot_normal")
lecun_uniform = _family(1.0, "fan_in", "uniform", "lecun_uniform")
lecun_normal = _family(1.0, "fan_in", "truncated_normal", "lecun_normal")
he_uniform = kaiming_uniform = _family(2.0, "fan_in", "uniform", "he_uniform")
he_normal = kaiming_normal = _family(2.0, "fan_in", "truncated_normal", "he_normal")


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Orthogonal columns (or rows) times ``scale``; all dimensions but ``column_axis`` are one."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> jax.Array:
        if len(shape) < 2:
            wrong, remedy = f"its shape is {list(shape)}", "Use another initializer for vectors."
            raise refused("shape", "orthogonal", wrong, "two dimensions or more", remedy)
        column = column_axis % len(shape)
        others = [size for at, size in enumerate(shape) if at != column]
        flat = (int(np.prod(others)), shape[column])
        drawn = _drawn(key, flat, dtype, call("orthogonal", gain=float(scale), fused=True), "role:weight axes:in,out")
        return jnp.moveaxis(drawn.reshape((*others, shape[column])), -1, column)

    return init


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Convolutions whose middle tap is orthogonal, and all others zero: they keep the length of every signal."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> jax.Array:
        if len(shape) not in (3, 4, 5) or shape[-1] < shape[-2]:
            wrong, expected = f"its shape is {list(shape)}", "3 to 5 dimensions, and no fewer outputs than inputs"
            raise refused("shape", "delta_orthogonal", wrong, expected, "Use `orthogonal`.")
        middle = orthogonal(scale, column_axis, dtype)(key, shape[-2:], dtype)
        return jnp.zeros(shape, middle.dtype).at[tuple((size - 1) // 2 for size in shape[:-2])].set(middle)

    return init


constant, zeros, ones = jax.nn.initializers.constant, jax.nn.initializers.zeros, jax.nn.initializers.ones

__all__ = ["constant", "delta_orthogonal", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "kaiming_normal"]
__all__ += ["kaiming_uniform", "lecun_normal", "lecun_uniform", "method", "normal", "ones", "orthogonal", "truncated_normal"]
__all__ += ["uniform", "variance_scaling", "xavier_normal", "xavier_uniform", "zeros"]
