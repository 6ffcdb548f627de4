"""Diagnoses of Keras models: one batch forward and backward, judged as the program judges its own."""

from __future__ import annotations

import math
import re
from typing import Any

import keras
import numpy as np
from keras import ops

from .. import measures
from ..plan import Plan
from ..report import Report
from .gradients import gradients, pullback
from .hooks import first, kernel, run, units, watching
from .model import tensors, variables
from .ways import ways

#: Activations that turn logits into an answer: the gradient starts before them.
_ENDINGS = ("softmax", "log_softmax", "sigmoid")


def diagnose(model: keras.Layer, batch: Any, loss: Any = None, *, plan: Plan | None = None) -> Report:
    """What is wrong with a built model before it is trained: its weights, and one batch's signals forward and backward.

    The report is that of ``fanin diagnose``. Normalizations use the statistics of the batch, dropout is off, and the model is
    left as it was. Every dense, convolutional and embedding layer is measured before its activation, and the Jacobian of the
    output by the input at the first eight samples, in any backend (forward alone in those without gradients).

    What takes a graph of operations is not here: the residual stream, attention, and what is predicted of each layer. Diagnose the
    file that ``model.export(path, format="onnx")`` writes for those.

    :param batch: what the model is called with; with ``loss``, a pair ``(inputs, targets)``.
    :param loss: a loss of Keras, its name, or a function of targets and outputs.
    :param plan: what the weights should follow; without one they are held against what is usual for their roles.
    """
    inputs, targets = batch if loss is not None else (batch, None)
    pairs = list(variables(model))
    probe = _Probe(model, inputs)
    output = probe.forward()
    probe.backward(output)
    jacobian = probe.jacobian(output)
    beyond = ["residual stream, attention and predictions", "Jacobian, residual stream, attention and predictions"][jacobian is None]
    measured = {
        "module": "fanin.keras",
        "model": model.name,
        "tensors": tensors(model),
        "layers": probe.rows(),
        "samples": int(output.shape[0]) if len(output.shape) else 1,
        "batch_statistics": any(isinstance(layer, keras.layers.BatchNormalization) for layer in model._flatten_layers()),
        "loss": None if loss is None else _loss(keras.losses.get(loss), targets, output),
        "jacobian": jacobian,
        "inputs": _scales(model, inputs),
        "notes": [f"measured by hooks: {beyond} need the graph of a file"],
    }
    values = [(variable.path, _bytes(variable)) for variable, _ in pairs if variable.dtype in _DTYPES and variable.shape]
    return measures.report(measured, values, plan)


def _scales(model: keras.Model, inputs: Any) -> list[dict[str, Any]]:
    """How large the inputs are, by the names that the model has for them."""
    given = list(inputs.values()) if isinstance(inputs, dict) else list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    # A model that is no graph of layers has no names for them.
    named = [tensor.name for tensor in getattr(model, "inputs", None) or []]
    numbered = ["input"] if len(given) == 1 else [f"input {at}" for at in range(len(given))]
    names = list(inputs) if isinstance(inputs, dict) else named or numbered
    pairs = zip(names, given, strict=False)
    return [row for name, value in pairs for row in measures.scale(name, keras.ops.convert_to_numpy(value), -1)]


#: Element types whose values are looked at as they are stored; others are too coarse for NumPy.
_DTYPES = ("float64", "float32", "float16")


def _bytes(variable: Any) -> np.ndarray:
    return np.ascontiguousarray(_array(variable.value)).reshape(-1).view(np.uint8)


def _array(tensor: Any) -> np.ndarray:
    """The values of a tensor, wide enough for any element type."""
    kind = keras.backend.standardize_dtype(tensor.dtype)
    return ops.convert_to_numpy(tensor if kind in _DTYPES else ops.cast(tensor, "float32"))


def _loss(loss: Any, targets: Any, output: Any) -> dict[str, Any] | None:
    """The loss on the batch, and that of the best answer that does not look at the input."""
    answer = _uninformed(loss, np.asarray(targets), _array(output))
    measured, uninformed = (float(np.mean(_array(loss(targets, given)))) for given in (output, ops.convert_to_tensor(answer)))
    if not (math.isfinite(measured) and math.isfinite(uninformed)):
        return None
    name = getattr(loss, "__name__", None) or getattr(loss, "name", None) or type(loss).__name__
    return {"kind": re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), "measured": measured, "uninformed": uninformed}


def _uninformed(loss: Any, targets: np.ndarray, output: np.ndarray) -> np.ndarray:
    """What a model would answer that knows only how often each answer is right."""
    if np.issubdtype(targets.dtype, np.floating) or targets.shape == output.shape:
        mean = targets.astype(np.float64).mean(0, keepdims=True)
        answer = mean if mean.shape[1:] == output.shape[1:] else mean.reshape(-1, *[1] * (output.ndim - 1))
    else:
        classes = output.shape[-1]
        counts = np.bincount(targets.reshape(-1), minlength=classes)[:classes]
        answer = (counts / counts.sum()).reshape([1] * (output.ndim - 1) + [classes])
    name = str(getattr(loss, "name", None) or getattr(loss, "__name__", "")).lower()
    if "crossentropy" in name and getattr(loss, "_fn_kwargs", {}).get("from_logits", getattr(loss, "from_logits", False)):
        share = answer.clip(1e-9, 1 - 1e-9)
        answer = np.log(share / (1 - share)) if "binary" in name else np.log(share)
    return np.broadcast_to(answer, output.shape).astype(output.dtype)


class _Probe:
    """What passes each layer, forward and backward."""

    def __init__(self, model: Any, inputs: Any) -> None:
        self._model, self._inputs = model, inputs
        self._calls: list[Any] = []
        self._values: list[np.ndarray] = []
        self._scaled: list[int] = []
        self._numbers: list[dict[str, float]] = []

    def forward(self) -> Any:
        """The model's output; what passes its layers is kept."""

        def note(layer: Any, value: Any) -> Any:
            self._calls.append(layer)
            self._values.append(_array(value))
            return value

        with watching(self._model, note, lambda: self._scaled.append(len(self._calls))):
            output = run(self._model, self._inputs)
        self._numbers = [measures.forward(value) for value in self._values]
        return output

    def backward(self, output: Any) -> None:
        """Adds what a gradient of standard normal numbers at the output comes to at each layer."""
        kernels = [kernel(layer) for layer in self._calls]
        zeros = [ops.zeros(value.shape, dtype=str(value.dtype)) for value in self._values]
        seed = np.random.default_rng(0).standard_normal(tuple(output.shape)).astype(np.float32)
        seed = ops.convert_to_tensor(seed)
        ends = bool(self._calls) and self._ends(output)

        def answer(tensors: Any) -> Any:
            shifts, weights = tensors[: len(zeros)], tensors[len(zeros) :]
            made: list[Any] = []

            def note(layer: Any, value: Any) -> Any:
                made.append(value + ops.cast(shifts[len(made)], value.dtype))
                return made[-1]

            with watching(self._model, note, lambda: None):
                given = run(self._model, self._inputs, zip(kernels, weights, strict=True))
            return ops.sum(ops.cast(made[-1] if ends else given, "float32") * seed)

        found = gradients(answer, [*zeros, *(ops.convert_to_tensor(variable.value) for variable in kernels)])
        samples = int(output.shape[0]) if len(output.shape) else 1
        for numbers, gradient, own, variable in zip(self._numbers, found, found[len(zeros) :], kernels, strict=False):
            if gradient is not None:
                numbers |= measures.backward(_array(gradient), samples)
            if own is not None:
                numbers |= measures.update_ratio(_array(own), _array(variable.value))

    def jacobian(self, output: Any) -> dict[str, Any] | None:
        """Singular values of the output by the input, or by what the first layer gives where the input holds no numbers."""
        inputs = first(self._inputs)
        if not self._calls or not len(inputs.shape) or not len(output.shape):
            return None
        few = min(measures.JACOBIANS, int(inputs.shape[0]))
        cut = keras.tree.map_structure(lambda value: value[:few] if value.shape[:1] == inputs.shape[:1] else value, self._inputs)
        numbers = keras.backend.is_float_dtype(keras.backend.standardize_dtype(inputs.dtype))
        ends, given = self._ends(output), first(cut)
        start = ops.convert_to_tensor(given) if numbers else ops.zeros((few, *self._values[0].shape[1:]), dtype="float32")

        def answer(tensor: Any) -> Any:
            made: list[Any] = []

            def note(layer: Any, value: Any) -> Any:
                made.append(value + ops.cast(tensor, value.dtype) if not made and not numbers else value)
                return made[-1]

            with watching(self._model, note, lambda: None):
                fed = keras.tree.map_structure(lambda value: tensor if value is given else value, cut) if numbers else cut
                found = run(self._model, fed)
            return made[-1] if ends else found

        if self._values[0].shape[:1] != inputs.shape[:1] or output.shape[0] != inputs.shape[0]:
            return None
        value, pull = pullback(answer, start)
        if pull is None:
            return None

        def row(seed: np.ndarray) -> np.ndarray | None:
            found = pull(ops.convert_to_tensor(seed))
            return None if found is None else _array(found)

        return measures.jacobian(row, tuple(value.shape))

    def _ends(self, output: Any) -> bool:
        """Whether the last layer's output are the logits of what the model answers."""
        ending = getattr(getattr(self._calls[-1], "activation", None), "__name__", "")
        return ending in _ENDINGS and self._values[-1].shape == tuple(output.shape)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each layer, in the order of execution."""
        rows = []
        for layer, value, numbers, way in zip(
            self._calls, self._values, self._numbers, ways(self._model, self._calls, self._scaled), strict=True
        ):
            axis = units(layer)
            row = {
                "name": layer.path,
                "op": type(layer).__name__,
                "weight": kernel(layer).path,
                "has_bias": getattr(layer, "bias", None) is not None,
                "width": int(value.shape[axis]),
                "sources": way.sources,
                "before": way.before,
                "non_finite": int((~np.isfinite(value)).sum()),
                "numbers": numbers,
            }
            if way.follows is not None:
                seen = None if way.normalized else value
                measures.activated(row, way.follows, seen, None if seen is None else seen > 0, axis)
            row["numbers"] = measures.finite(numbers)
            rows.append(row)
        return rows
