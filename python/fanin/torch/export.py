"""Models as ONNX files whose tensors keep their names: the graph that a plan and a diagnosis look at."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..errors import refused
from ..files import Model
from .names import held


def export(model: nn.Module, example_inputs: Any, path: str | os.PathLike[str], *, values: bool = True) -> Model:
    """Writes the model as an ONNX file, its parameters under their own names and in their own shapes, and opens it.

    What ``torch.onnx.export`` writes by itself has transposed weights under names that it makes up, and equal tensors as one.
    Normalizations and dropout are those of evaluation.

    :param example_inputs: a tensor, or a tuple or dictionary of the arguments of ``model.forward``.
    :param values: whether to write the values of the parameters. Without them the file takes no room, a model on ``meta``
        will do, and the file is good for plans.
    :raises fanin.Refused: if the model cannot be traced, or a package is missing.
    """
    positional, named = arguments(example_inputs)
    was_training = model.training
    model.eval()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(model, positional, kwargs=named, dynamo=True, optimize=False, verbose=False)
            _fold(program.model)
            _rename(program.model.graph, model)
            if values:
                program.save(path, external_data=True)
            else:
                _save_without_values(program.model, model, path)
    except ModuleNotFoundError as error:
        wrong = f"the module `{error.name}` is missing"
        remedy = "Install onnx and onnxscript, or leave the example inputs out."
        raise refused("example_inputs", "export", wrong, "a model that can be exported", remedy) from error
    except torch.onnx.errors.OnnxExporterError as error:
        wrong = f"the model cannot be exported: {_cause(error)}"
        remedy = "Check that the inputs are those of `forward`. Without them the classes of the modules tell roles and fans."
        raise refused("example_inputs", "export", wrong, "a model that `torch.export` can trace", remedy) from error
    finally:
        model.train(was_training)
    return Model(path)


def _cause(error: BaseException) -> str:
    """The first error behind an exporter's, in a line: its own says that something failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0]


def _fold(graph: Any) -> None:
    """Computes what depends on constants alone, such as shapes, and leaves everything that is made of a parameter: the
    exporter's own folding gives transposed weights names of its own."""
    from onnxscript import optimizer

    stored = set(graph.graph.initializers)
    optimizer.fold_constants(graph, should_fold=lambda node: False if any(v and v.name in stored for v in node.inputs) else None)
    optimizer.remove_unused_nodes(graph)


def _rename(graph: Any, model: nn.Module) -> None:
    """A tensor of several names gets the first, which keys its values; the exporter takes any of them."""
    first: dict[int, str] = {}
    names = {item.name: first.setdefault(id(item.tensor), item.name) for item in held(model)}
    for name, value in list(graph.initializers.items()):
        wanted = names.get(name, name)
        if wanted == name:
            continue
        del graph.initializers[name]
        if wanted in graph.initializers:
            value.replace_all_uses_with(graph.initializers[wanted])
        else:
            value.name = wanted
            graph.initializers[wanted] = value


def _save_without_values(program: Any, model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Stores a graph whose parameters are said to be in a file that is not there."""
    import onnx_ir

    without = {item.name for item in held(model) if item.is_parameter or item.tensor.is_meta}
    for name, value in program.graph.initializers.items():
        tensor = value.const_value
        raw = getattr(tensor, "raw", None)
        if name in without or isinstance(raw, torch.Tensor) and raw.is_meta:
            missing = onnx_ir.ExternalTensor("missing", 0, tensor.nbytes, tensor.dtype, shape=tensor.shape, name=name)
            value.const_value = missing
    onnx_ir.save(program, path)


def arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A batch as the arguments of ``forward``."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (tuple(inputs), {}) if isinstance(inputs, tuple | list) else ((inputs,), {})
