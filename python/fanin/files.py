"""Model files: opened, planned and written, as the command line does it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _fanin
from .arrays import dtype_name, whole_seed
from .errors import Refused, refused
from .plan import Plan

Rules = Mapping[str, str] | Sequence[str]
"""Rules by the names that they are for: ``{"*.bias": "zeros"}``, or ``["*.bias=zeros"]``."""

_NUMPY = {"f64": "f8", "f32": "f4", "f16": "f2", "i64": "i8", "i32": "i4", "i16": "i2", "i8": "i1", "u64": "u8", "u32": "u4"}
_NUMPY |= {"u16": "u2", "u8": "u1", "bool": "?", "c64": "c8", "c128": "c16", "bf16": "u2", "f8_e4m3": "u1", "f8_e5m2": "u1"}


def planning(
    recipe: str | os.PathLike[str] = "auto",
    seed: int | None = 0,
    set: Rules = (),
    say: Rules = (),
    options: Mapping[str, Any] | Sequence[str] = (),
    dtype: Any = None,
    data: str | os.PathLike[str] | None = None,
    task: str | None = None,
    memory: int | None = None,
) -> dict[str, Any]:
    """What a plan is made with, as the native part takes it."""
    return {
        "recipe": os.fspath(recipe),
        "options": _lines(options),
        "sets": _lines(set),
        "says": _lines(say),
        "seed": 0 if seed is None else whole_seed(seed, "plan"),
        "dtype": None if dtype is None else dtype_name(dtype),
        "data": None if data is None else os.fspath(data),
        "task": task,
        "memory": memory,
    }


def _lines(rules: Mapping[str, Any] | Sequence[str]) -> list[str]:
    if isinstance(rules, str):
        return [rules]
    if not isinstance(rules, Mapping):
        return [str(rule) for rule in rules]
    text = {True: "true", False: "false"}
    return [f"{name}={text.get(value, value) if isinstance(value, bool) else value}" for name, value in rules.items()]


class Model:
    """An open model file: its tensors, and, where the format has one, its computation."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._core = _fanin.open(self.path)

    @property
    def format(self) -> str:
        """``onnx``, ``safetensors``, ``hugging_face``, ``pytorch``, ``numpy`` or ``gguf``."""
        return self._core.format

    @property
    def has_graph(self) -> bool:
        """Whether the file holds the computation too."""
        return self._core.has_graph

    @property
    def params(self) -> list[dict[str, Any]]:
        """What is known of every tensor: name, shape, dtype, role, axes, and its place in the model."""
        return json.loads(self._core.params())

    def plan(
        self,
        recipe: str | os.PathLike[str] = "auto",
        *,
        seed: int = 0,
        set: Rules = (),
        say: Rules = (),
        options: Mapping[str, Any] | Sequence[str] = (),
        dtype: Any = None,
        data: str | os.PathLike[str] | None = None,
        task: str | None = None,
        memory: int | None = None,
    ) -> Plan:
        """Decides what every parameter gets. The arguments are those of ``fanin plan``.

        :param recipe: a built-in recipe (``fanin.recipes()``), or the path of a recipe file ending in ``.toml``.
        :param set: rules of your own, tried first: ``{"*.bias": "zeros", "head.*": "keep"}``.
        :param say: what you know and the file does not tell: ``{"up.weight": "stride:4"}``.
        :param options: options of the recipe: ``{"mode": "jax"}``.
        :param dtype: element type of what is drawn, if not the file's.
        :param data: what the model is to be trained on, as for :func:`fanin.diagnose`: ``auto`` takes the head's bias and the
            scales of first layer and output from it.
        :param task: what the model is asked for, if data do not show it: ``classification``, ``binary``, ``multi_label``,
            ``regression`` or ``language_model``.
        :param memory: the longest lag that recurrent cells should remember, in steps.
        """
        return Plan(self._core.plan(planning(recipe, seed, set, say, options, dtype, data, task, memory)), self.path)

    def write(self, out: str | os.PathLike[str], plan: Plan, *, overwrite: bool = False) -> None:
        """Writes the model with the values of a plan; everything else stays byte for byte."""
        self._core.write(os.fspath(out), plan._core, overwrite)

    def tensor(self, name: str) -> np.ndarray:
        """The values of a tensor. Types that NumPy lacks (bf16, f8) come as unsigned integers of their size."""
        param = next((param for param in self.params if param["name"] == name), None)
        held = self._core.bytes(name)
        if param is None or held is None:
            raise refused(name, "tensor", "its data are missing", "values in the file", "Put the file that holds them beside it.")
        return np.frombuffer(held, "<" + _NUMPY[param["dtype"]]).reshape(param["shape"])

    def __repr__(self) -> str:
        return f"<fanin.Model {self.path}: {self.format}, {len(self.params)} tensors>"


def open(path: str | os.PathLike[str]) -> Model:
    """Opens a model: an ONNX, safetensors, PyTorch, NumPy or GGUF file, a folder in the Hugging Face layout, or a short
    architecture such as ``mlp:784-256x20-10:relu``.

    >>> import fanin
    >>> fanin.open("mlp:8-16-2:relu").plan()["layers.1.weight"].shape
    (2, 16)
    """
    return Model(path)


def told(name: str, shape: Sequence[int], dtype: Any, **facts: Any) -> dict[str, Any]:
    """One tensor as a plan is told of it."""
    return {"name": name, "shape": list(shape), "dtype": dtype_name(dtype), **facts}


def plan_tensors(
    tensors: Sequence[dict[str, Any]], model: str, config: str = "", graph: Model | None = None, **options: Any
) -> Plan:
    """A plan of tensors that a framework holds; ``graph`` is the file with the computation of the same model."""
    core = None if graph is None else graph._core
    return Plan(_fanin.plan(json.dumps(list(tensors)), planning(**options), config, core), model)


def plan_arrays(arrays: Mapping[str, np.ndarray], **options: Any) -> Plan:
    """A plan of arrays, which are read by their names as those of a file without a graph."""
    _all_arrays(arrays, "plan")
    return plan_tensors([told(name, array.shape, array.dtype) for name, array in arrays.items()], "arrays", **options)


def _all_arrays(arrays: Mapping[str, Any], asked: str) -> None:
    remedy = "Make an array of it: `numpy.asarray`; for trees of JAX use `fanin.jax`."
    expected = "a numpy.ndarray, by its name"
    others = {str(name): value for name, value in arrays.items() if not (isinstance(value, np.ndarray) and isinstance(name, str))}
    if others:
        raise Refused.of([(name, asked, f"this is a {type(value).__name__}", expected, remedy) for name, value in others.items()])


def init_arrays(arrays: Mapping[str, np.ndarray], plan: Plan) -> None:
    """Fills arrays in place with the values of a plan; nothing is changed if the plan is another model's."""
    _all_arrays(arrays, "init")
    problems = [problem for name, array in arrays.items() for problem in plan.misfits(name, array.shape)]
    if problems:
        raise Refused.of(problems)
    for name, array in arrays.items():
        if not plan.keeps(name):
            plan.fill(name, array)
