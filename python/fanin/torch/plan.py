"""Plans of torch models: from the module tree, and from the exported graph where example inputs are given."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..errors import refused
from ..files import Model, Rules, plan_tensors
from ..plan import Plan
from .tree import tensors


def plan(
    model: nn.Module,
    example_inputs: Any = None,
    recipe: str | os.PathLike[str] = "auto",
    seed: int | None = None,
    *,
    set: Rules = (),
    say: Rules = (),
    options: Mapping[str, Any] | Sequence[str] = (),
    dtype: Any = None,
) -> Plan:
    """Decides what every parameter of a model gets, and why; the model is not changed.

    Make it on the whole model before it is sharded, split or moved: on ``meta`` it costs nothing. The fans come from
    the classes of the modules; with ``example_inputs`` the model is also exported, and its graph shows which activation
    follows each layer and what writes into the residual stream.

    :param example_inputs: a tensor, or a tuple or dictionary of the arguments of ``model.forward``; needs the packages
        ``onnx`` and ``onnxscript``, and real tensors.
    :param recipe: a built-in recipe (``fanin.recipes()``), or the path of a recipe file ending in ``.toml``.
    :param seed: the seed of the values; drawn from torch's generator where it is left out, so that ``torch.manual_seed``
        governs it.
    :param set: rules of your own, tried first: ``{"*.bias": "zeros", "head.*": "keep"}``.
    :param say: what you know and the model does not tell: ``{"mixer.weight": "axes:in,out"}``.
    :param options: options of the recipe: ``{"mode": "jax"}``.
    :raises fanin.Refused: all problems together.
    """
    if seed is None:
        seed = int(torch.randint(0, 2**63 - 1, (), dtype=torch.int64))
    chosen = {"recipe": recipe, "seed": seed, "set": set, "say": say, "options": options, "dtype": dtype}
    name, config = type(model).__name__, _config(model)
    if example_inputs is None:
        return plan_tensors(tensors(model), name, config, **chosen)
    with tempfile.TemporaryDirectory(prefix="fanin-") as folder:
        graph = export(model, example_inputs, os.path.join(folder, "model.onnx"))
        return plan_tensors(tensors(model), name, config, graph, **chosen)


def export(model: nn.Module, example_inputs: Any, path: str) -> Model:
    """The model as an ONNX file, its parameters under their own names and in their own shapes."""
    positional, named = arguments(example_inputs)
    was_training = model.training
    model.eval()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(model, positional, kwargs=named, dynamo=True, optimize=False, verbose=False)
            _fold(program.model)
            program.save(path, external_data=True)
    except ModuleNotFoundError as error:
        wrong = f"the module `{error.name}` is missing"
        remedy = "Install onnx and onnxscript, or plan without `example_inputs`."
        raise refused("example_inputs", "plan", wrong, "a model that can be exported", remedy) from error
    except torch.onnx.errors.OnnxExporterError as error:
        wrong = f"the model cannot be exported: {str(error).strip().splitlines()[0]}"
        remedy = "Plan without `example_inputs`: the module tree tells roles and fans."
        raise refused("example_inputs", "plan", wrong, "a model that `torch.export` can trace", remedy) from error
    finally:
        model.train(was_training)
    return Model(path)


def _fold(graph: Any) -> None:
    """Computes what depends on constants alone, such as shapes, and leaves everything that is made of a parameter: the
    exporter's own folding gives transposed weights names of its own."""
    from onnxscript import optimizer

    stored = set(graph.graph.initializers)
    optimizer.fold_constants(graph, should_fold=lambda node: False if any(v and v.name in stored for v in node.inputs) else None)
    optimizer.remove_unused_nodes(graph)


def arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A batch as the arguments of ``forward``."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (tuple(inputs), {}) if isinstance(inputs, tuple | list) else ((inputs,), {})


def _config(model: nn.Module) -> str:
    """The configuration of a Hugging Face model, which tells heads and offsets of norms."""
    write = getattr(getattr(model, "config", None), "to_json_string", None)
    return write(use_diff=False) if callable(write) else ""
