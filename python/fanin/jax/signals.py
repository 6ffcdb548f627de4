"""Diagnoses of trees: what their weights hold, and what passed the layers, as whoever ran the model has kept it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import measures
from ..arrays import bytes_of, dtype_name
from ..errors import Refused, refused
from ..plan import Plan
from ..report import Report
from .tree import named, tensors

#: Last words of the names that weights have beside their layer's.
_WEIGHTS = ("kernel", "embedding", "w", "weight")
#: What Flax puts around the name of a layer where it captures what passes it.
_AROUND = ("intermediates", "__call__")


def diagnose(
    tree: Any,
    activations: Any = None,
    *,
    gradients: Any = None,
    follows: str | Mapping[str, str] | None = None,
    loss: tuple[float, float] | None = None,
    plan: Plan | None = None,
    apply: Callable[[Any], Any] | None = None,
    inputs: Any = None,
) -> Report:
    """What is wrong with parameters before they are trained: what they hold, and what one batch made of the layers.

    The report is that of ``fanin diagnose``. A function has no layers to be watched, so what passes them is given: an array
    for each, in the order of execution, which the report takes to stand in a row.

    .. code-block:: python

        _, state = model.apply(params, x, capture_intermediates=True)      # Flax keeps what every layer gives
        apply = lambda x: model.apply(params, x)                           # for the Jacobian
        report = fanin.jax.diagnose(params, state["intermediates"], follows="relu", plan=plan, apply=apply, inputs=x)

    What takes a graph of operations is not here: the residual stream, attention, and what is predicted of each layer.

    :param tree: arrays, as for :func:`plan`.
    :param activations: the outputs of layers before their activations, ``[samples, …, units]``, by the names of the layers
        (``"Dense_0"``, or the whole path); or Flax's tree of them. Layers without a weight in the tree are passed over in a
        tree of Flax's, and refused in a mapping of arrays.
    :param gradients: the gradient of something for each of them, by the same names.
    :param follows: the activation behind every layer but the last, or behind each by its name.
    :param loss: the loss on the batch, and that of the best answer that does not look at the input.
    :param apply: what the model makes of ``inputs``, ``[samples, …]`` both; the singular values of its Jacobian at the first eight
        samples are reported. Samples must not depend on each other.
    """
    leaves = {name: leaf for name, leaf in named(tree) if _is_real(leaf)}
    layers = _layers(activations, list(leaves))
    back = dict(_flat(gradients)) if gradients is not None else {}
    rows: list[dict[str, Any]] = []
    for at, (name, weight, value) in enumerate(layers):
        told = follows.get(name) if isinstance(follows, Mapping) else follows if at + 1 < len(layers) else None
        rows.append(_row(at, name, weight, value, back.get(name), told, any(other.startswith(_stem(weight)) and other != weight for other in leaves)))
    jacobian = None if apply is None else _jacobian(apply, inputs)
    measured = {
        "module": "fanin.jax",
        "model": "tree",
        "tensors": tensors(tree),
        "layers": rows,
        "samples": int(layers[0][2].shape[0]) if layers else 0 if jacobian is None else int(jnp.shape(inputs)[0]),
        "jacobian": jacobian,
        "inputs": [] if inputs is None else measures.scale("inputs", np.asarray(inputs), -1),
        "loss": None if loss is None else {"kind": "loss", "measured": float(loss[0]), "uninformed": float(loss[1])},
        "notes": ["layers are taken to stand in a row, as they were given"] if rows else [],
    }
    values = [(name, bytes_of(np.ascontiguousarray(np.asarray(leaf)))) for name, leaf in leaves.items()]
    return measures.report(measured, values, plan)


def _is_real(leaf: Any) -> bool:
    return not isinstance(leaf, jax.ShapeDtypeStruct) and leaf.size > 0 and dtype_name(np.dtype(leaf.dtype)).startswith(("f", "b"))


def _jacobian(apply: Callable[[Any], Any], inputs: Any) -> dict[str, Any] | None:
    if inputs is None or not jnp.ndim(inputs) or not jnp.issubdtype(jnp.asarray(inputs).dtype, jnp.floating):
        wrong, remedy = f"`inputs` is {getattr(inputs, 'dtype', type(inputs).__name__)}", "Give one array, `[samples, …]`."
        raise refused("inputs", "diagnose", wrong, "an array of floating-point numbers", remedy)
    value, pull = jax.vjp(apply, jnp.asarray(inputs)[: measures.JACOBIANS])
    if not hasattr(value, "shape") or value.shape[:1] != (min(len(inputs), measures.JACOBIANS),):
        wrong = f"it returns {getattr(value, 'shape', type(value).__name__)}"
        raise refused("apply", "diagnose", wrong, "one array with a row for each sample", "Wrap it.")
    return measures.jacobian(lambda seed: np.asarray(pull(jnp.asarray(seed, value.dtype))[0], np.float64), value.shape)


def _stem(weight: str) -> str:
    return weight.rsplit("/", 1)[0] + "/"


def _row(at: int, name: str, weight: str, value: np.ndarray, gradient: Any, follows: str | None, biased: bool) -> dict[str, Any]:
    numbers = measures.forward(value)
    if gradient is not None:
        numbers |= measures.backward(np.asarray(gradient, np.float64), value.shape[0])
    row = {
        "name": name,
        "op": "Embedding" if weight.endswith("embedding") else "Dense",
        "weight": weight,
        "has_bias": biased,
        "width": int(value.shape[-1]),
        "sources": [at - 1] if at else [],
        "before": [at - 1] if at else [],
        "non_finite": int((~np.isfinite(value)).sum()),
        "numbers": numbers,
    }
    if follows is not None:
        measures.activated(row, follows, value, value > 0, -1)
    row["numbers"] = measures.finite(numbers)
    return row


def _flat(tree: Any, path: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """Arrays by the names of their layers, in the order in which a mapping holds them, which is that of execution."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _flat(value, [*path, *([] if key in _AROUND else [str(key)])])
    elif isinstance(tree, tuple | list):
        for value in tree[:1]:
            yield from _flat(value, path)
    elif tree is not None:
        yield "/".join(path), tree


def _layers(activations: Any, names: Sequence[str]) -> list[tuple[str, str, np.ndarray]]:
    """Name, weight and output of each layer."""
    if activations is None:
        return []
    captured = not all(hasattr(value, "shape") for value in activations.values())
    found, problems = [], []
    for name, value in _flat(activations):
        weight = _weight(name, names)
        if weight is not None:
            found.append((name, weight, np.asarray(value, np.float64)))
        elif not captured:
            wrong, expected = "the tree has no weight of a layer with this name", f"a layer of {', '.join(names[:4])} …"
            problems.append((name, "diagnose", wrong, expected, "Name it as its weight is named, without the last word."))
    if problems:
        raise Refused.of(problems)
    if not found and activations:
        wrong, remedy = "no layer of it has a weight in the tree", "Give the outputs by the names of the layers."
        raise refused("activations", "diagnose", wrong, "outputs of the tree's layers", remedy)
    return found


def _weight(layer: str, names: Sequence[str]) -> str | None:
    """The weight of a layer; none for a model as a whole, whose output Flax captures too."""
    for word in _WEIGHTS if layer else ():
        end = f"{layer}/{word}"
        for name in names:
            if name == end or name.endswith(f"/{end}"):
                return name
    return None
