"""Arrays as memory: their element types in fanin's words, their bytes, and filling them where they lie."""

from __future__ import annotations

import json
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _fanin
from .errors import refused

Range = tuple[int, int]
Region = Range | Sequence[Sequence[Range]] | None
"""Which elements of a tensor: ``None`` for all, ``(start, stop)`` of flat indices, or a list of ``(start, stop)`` for each
dimension."""

#: NumPy's names of element types, those of ``ml_dtypes`` included, and fanin's.
_NAMES = {
    "float64": "f64",
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "float8_e4m3fn": "f8_e4m3",
    "float8_e5m2": "f8_e5m2",
    "complex64": "c64",
    "complex128": "c128",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint64": "u64",
    "uint32": "u32",
    "uint16": "u16",
    "uint8": "u8",
    "bool": "bool",
}


def dtype_name(dtype: Any) -> str:
    """The element type in fanin's words: ``f32``, ``bf16``; also of its name in NumPy, torch or JAX."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or str(dtype)
    name = name.removeprefix("torch.")
    return _NAMES.get(name, name)


def is_ready(array: np.ndarray) -> bool:
    """Whether the array's memory can be filled as it is: in C order, without gaps, in this machine's byte order."""
    return array.flags.c_contiguous and array.dtype.isnative and sys.byteorder == "little"


def bytes_of(array: np.ndarray) -> np.ndarray:
    """The memory of an array that is ready, as bytes; nothing is copied."""
    return array.reshape(-1).view(np.uint8)


def fill_array(array: np.ndarray, fill: Callable[[np.ndarray], None], name: str = "") -> None:
    """Lets ``fill`` write the bytes of the array: in place, or through a copy where its memory has gaps."""
    if dtype_name(array.dtype) not in _NAMES.values():
        expected, remedy = "numbers", "Convert it, or make one of float32."
        raise refused(name, "fill", f"its elements are {array.dtype}", expected, remedy)
    if not array.flags.writeable:
        raise refused(name, "fill", "the array is read-only", "an array that may be written to", "Pass a copy of it.")
    if is_ready(array):
        fill(bytes_of(array))
        return
    fresh = np.empty(array.shape, array.dtype.newbyteorder("="))
    fill(bytes_of(fresh))
    array[...] = fresh


def fill(
    array: np.ndarray,
    call: str,
    *,
    name: str = "",
    seed: int = 0,
    axes: str | Sequence[str] | None = None,
    facts: str = "",
    region: Region = None,
    shape: Sequence[int] | None = None,
) -> np.ndarray:
    """Fills ``array`` in place with the values that ``call`` gives, and returns it.

    The values are a function of ``call``, ``seed``, ``name`` and the position of an element, and of nothing else: the
    same on any number of threads, and the same for a part of a tensor as in the whole. Two arrays of one name and one seed
    get the same random numbers, so give each its own name.

    :param array: any floating-point array; where its memory has gaps, a copy is filled and copied back.
    :param call: a method with arguments: ``"he"``, ``"he(fan=out)"``, ``"torch:kaiming_uniform_"``,
        ``fanin.methods.he(fan="out")``.
    :param name: the tensor's name; it keys the values, and where ``axes`` are not given it tells what its dimensions mean
        (``fc.weight``, ``dense/kernel``). A second array without a name is refused under a seed that another one has.
    :param axes: what each dimension means: ``"out,in"`` (torch), ``"in,out"`` (Keras, JAX), ``"out,in,field,field"``.
    :param facts: more of the same, in the words of ``--say``: ``"groups:2"``, ``"blocks:q,k,v"``, ``"follows:gelu"``.
    :param region: which elements of a larger tensor the array holds; ``shape`` is then that tensor's.

    >>> import numpy as np, fanin
    >>> w = fanin.fill(np.empty((256, 784), np.float32), "he", name="fc1.weight")
    >>> round(float(w.std()), 3)
    0.051
    """
    if not isinstance(array, np.ndarray):
        kind = type(array).__name__
        raise refused(name, "fill", f"this is a {kind}", "a numpy.ndarray", "Use `fanin.torch` or `fanin.jax` for theirs.")
    whole, seed = list(array.shape if shape is None else shape), whole_seed(seed, str(call))
    said = facts if axes is None else f"axes:{axes if isinstance(axes, str) else ','.join(axes)} {facts}".strip()
    dtype = dtype_name(array.dtype)
    if not name and region is None:
        _once(array, str(call), seed, dtype, said)
    fill_array(
        array,
        lambda out: _fanin.fill(out, str(call), whole, dtype, name=name, seed=seed, facts=said, region=region),
        name,
    )
    return array


def whole_seed(seed: Any, asked: str) -> int:
    """A seed that is one: any integer of NumPy's or Python's below 2⁶⁴."""
    number = getattr(seed, "__index__", lambda: -1)()
    if 0 <= number < 1 << 64:
        return number
    raise refused("seed", asked, f"it is {seed!r}", "a whole number from 0 to 2⁶⁴ - 1", "Choose another, or leave it out.")


#: The arrays without a name that were filled last, by their seeds.
_unnamed: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()


def _once(array: np.ndarray, call: str, seed: int, dtype: str, facts: str) -> None:
    """Refuses a second array without a name under one seed: both would hold the same random numbers."""
    other = _unnamed.get(seed)
    if other is None or np.may_share_memory(other, array):
        _unnamed[seed] = array
        return
    if json.loads(_fanin.law(call, list(array.shape), "", dtype, facts))["variance"] == 0.0:
        return
    wrong = f"seed {seed} has filled another array without a name, of shape {list(other.shape)}: both would hold the same numbers"
    raise refused("", call, wrong, "a name of its own for each array, or another seed", 'Say `name="fc1.weight"`.')
