"""Plans and values of built Keras models, by the paths of their variables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ..errors import Refused, refused
from ..files import Rules, plan_tensors, told
from ..plan import Plan

#: Activations of Keras by name, and theirs in fanin.
ACTIVATIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "selu",
    "celu": "celu",
    "gelu": "gelu_tanh",
    "silu": "silu",
    "mish": "mish",
    "softplus": "softplus",
    "softsign": "softsign",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "hard_sigmoid": "hard_sigmoid",
}


def plan(
    model: keras.Layer,
    recipe: str | os.PathLike[str] = "auto",
    seed: int | None = None,
    *,
    set: Rules = (),
    say: Rules = (),
    options: Mapping[str, Any] | Sequence[str] = (),
) -> Plan:
    """Decides what every variable of a built model gets, and why; nothing is changed.

    Variables are named by their paths (``sequential/dense/kernel``), and their dimensions read as Keras lays them out. The
    other arguments are those of :func:`fanin.torch.plan`.
    """
    if seed is None:
        seed = keras.random.SeedGenerator().get_config()["seed"]
    return plan_tensors(tensors(model), model.name, recipe=recipe, seed=seed, set=set, say=say, options=options)


def init_(model: keras.Layer, plan: Plan) -> list[str]:
    """Gives the variables of a built model the values of a plan; returns the names of those that were given some."""
    pairs = list(variables(model))
    problems = [problem for variable, _ in pairs for problem in plan.misfits(variable.path, variable.shape, "init_")]
    if problems:
        raise Refused.of(problems)
    filled = []
    for variable, _ in pairs:
        if plan.keeps(variable.path):
            continue
        # bfloat16 is no type of NumPy: float32 is rounded once by the backend, as it would be here.
        stored = variable.dtype if hasattr(np, variable.dtype) else "float32"
        array = np.empty(tuple(variable.shape), stored)
        plan.fill(variable.path, array)
        variable.assign(ops.cast(ops.convert_to_tensor(array), variable.dtype))
        filled.append(variable.path)
    return filled


def tensors(model: keras.Layer) -> list[dict[str, Any]]:
    """What a plan is told of each variable: shape, axes, role."""
    return [_line(variable, layer) for variable, layer in variables(model)]


def variables(model: keras.Layer) -> Iterator[tuple[Any, Any]]:
    """Variables that a checkpoint holds, each with the layer that made it."""
    if not model.built or not model.variables:
        wrong, remedy = "it has no variables yet", "Call `model.build(shape)`, or the model on a batch."
        raise refused(model.name, "plan", wrong, "a built model", remedy)
    owners: dict[int, Any] = {}
    for layer in model._flatten_layers():
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]:
            owners.setdefault(id(variable), layer)
    for variable in model.weights:
        yield variable, owners.get(id(variable))


def _line(variable: Any, layer: Any) -> dict[str, Any]:
    facts = _facts(variable, layer)
    line = told(variable.path, tuple(variable.shape), variable.dtype, own=True)
    if not facts:
        return line
    name = ACTIVATIONS.get(getattr(getattr(layer, "activation", None), "__name__", ""))
    facts += f" follows:{name}" if name and "role:weight" in facts else ""
    line |= {"facts": facts, "because": f"keras: {type(layer).__name__}"}
    if "role:bias" in facts:
        kernels = [w.path for w in layer.weights if w.name in ("kernel", "pointwise_kernel")]
        line |= {"beside": kernels[0]} if kernels else {}
    return line


def _facts(variable: Any, layer: Any) -> str:
    """What the class of a layer says of one of its variables; empty where it says nothing."""
    name, rank = variable.name, len(variable.shape)
    fields = "field," * (rank - 2)
    if isinstance(layer, layers.Dense | layers.Conv1D | layers.Conv2D | layers.Conv3D):
        groups = f" groups:{layer.groups}" if getattr(layer, "groups", 1) > 1 else ""
        return {"kernel": f"role:weight axes:{fields}in,out{groups}", "bias": "role:bias axes:out"}.get(name, "")
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose):
        stride = int(np.prod(layer.strides))
        kernel = f"role:weight axes:{fields}out,in transposed:yes stride:{stride}"
        return {"kernel": kernel, "bias": "role:bias axes:out"}.get(name, "")
    if isinstance(layer, layers.Embedding):
        return "role:embedding axes:in,out" if name == "embeddings" else ""
    if isinstance(layer, layers.LayerNormalization | layers.BatchNormalization | layers.GroupNormalization):
        return {"gamma": "role:scale", "beta": "role:shift"}.get(name, "")
    return ""
