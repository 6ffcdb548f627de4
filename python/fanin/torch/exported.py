"""The graph of a model beside its hooks: exported with a few samples, for what only a graph shows."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..errors import Error
from ..files import Model
from .export import export
from .fill import memory
from .tree import name_of

#: Samples that a graph is exported with: Jacobians are taken at as many.
_SAMPLES = 8
#: Elements of a model that is exported without being asked: half a gigabyte in f32, which takes seconds.
_MOST = 1 << 27

Fed = list[tuple[str, list[int], np.ndarray]]


class Exported(NamedTuple):
    """A model as a file that is open, and what it was exported with."""

    model: Model | None
    fed: Fed
    note: str
    """What is to be said of it."""


@contextmanager
def exported(model: nn.Module, inputs: Any, wanted: bool | None) -> Iterator[Exported]:
    """The model's graph where it can be had: if it is ``wanted``, or, for ``None``, where it costs little."""
    beyond = "Jacobian, residual stream, attention and predictions"
    missing = next((name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None), None)
    size = sum(parameter.numel() for parameter in model.parameters())
    if wanted is False or wanted is None and (missing or size > _MOST):
        why = f" (they need the package {missing})" if wanted is None and missing else ""
        why = " (`graph=True` exports the model, however large)" if wanted is None and not missing else why
        yield Exported(None, [], f"measured by hooks: {beyond} were not looked at{why}")
        return
    few = _first(inputs)
    with tempfile.TemporaryDirectory(prefix="fanin-") as folder:
        try:
            graph = export(model, few, os.path.join(folder, "model.onnx"))
        except Error as error:
            if wanted:
                raise
            yield Exported(None, [], f"measured by hooks: {beyond} were not looked at: {error}")
            return
        tensors = [tensor.detach().cpu().contiguous() for tensor in _tensors(few)]
        fed = [(name_of(tensor.dtype), list(tensor.shape), memory(tensor)) for tensor in tensors]
        samples = fed[0][1][0] if fed and fed[0][1] else 1
        note = f"measured by hooks; {beyond} on the exported graph, with {samples} samples"
        yield Exported(graph, fed, note)


def _tensors(inputs: Any) -> list[torch.Tensor]:
    if isinstance(inputs, torch.Tensor):
        return [inputs]
    if isinstance(inputs, dict):
        return [tensor for value in inputs.values() for tensor in _tensors(value)]
    return [tensor for value in inputs for tensor in _tensors(value)] if isinstance(inputs, tuple | list) else []


def _first(inputs: Any) -> Any:
    """The inputs of the first samples: those of the tensors that have one row for each sample of the first."""
    tensors = _tensors(inputs)
    rows = tensors[0].shape[0] if tensors and tensors[0].ndim else None

    def cut(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value[:_SAMPLES] if value.ndim and value.shape[0] == rows else value
        if isinstance(value, dict):
            return {name: cut(inner) for name, inner in value.items()}
        return type(value)(cut(inner) for inner in value) if isinstance(value, tuple | list) else value

    return cut(inputs)
