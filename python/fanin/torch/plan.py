"""Plans of torch models: from the module tree, and from the exported graph where example inputs are given."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..files import Model, Rules, plan_tensors
from ..plan import Plan
from .export import export
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
    task: str | None = None,
    memory: int | None = None,
) -> Plan:
    """Decides what every parameter of a model gets, and why; the model is not changed.

    Make it on the whole model before it is sharded, split or moved: on ``meta`` it costs nothing. The fans come from
    the classes of the modules. With ``example_inputs`` the model is also exported, and its graph shows which activation
    follows each layer and what writes into the residual stream; ``auto`` then calculates every scale on it, as ``fanin plan``
    does for the file that :func:`export` writes.

    :param example_inputs: a tensor, or a tuple or dictionary of the arguments of ``model.forward``, on the model's device
        (``meta`` too); needs the packages ``onnx`` and ``onnxscript``.
    :param recipe: a built-in recipe (``fanin.recipes()``), or the path of a recipe file ending in ``.toml``.
    :param seed: the seed of the values; drawn from torch's generator where it is left out, so that ``torch.manual_seed``
        governs it.
    :param set: rules of your own, tried first: ``{"*.bias": "zeros", "head.*": "keep"}``.
    :param say: what you know and the model does not tell: ``{"mixer.weight": "axes:in,out"}``.
    :param options: options of the recipe: ``{"mode": "jax"}``.
    :param task: what the model is asked for: ``classification``, ``binary``, ``multi_label``, ``regression`` or
        ``language_model``.
    :param memory: the longest lag that recurrent cells should remember, in steps.
    :raises fanin.Refused: all problems together.
    """
    if seed is None:
        seed = int(torch.randint(0, 2**63 - 1, (), dtype=torch.int64))
    chosen = {"recipe": recipe, "seed": seed, "set": set, "say": say, "options": options, "dtype": dtype}
    chosen |= {"task": task, "memory": memory}
    if example_inputs is None:
        return planned(model, None, **chosen)
    with tempfile.TemporaryDirectory(prefix="fanin-") as folder:
        graph = export(model, example_inputs, os.path.join(folder, "model.onnx"), values=False)
        return planned(model, graph, **chosen)


def planned(model: nn.Module, graph: Model | None, **chosen: Any) -> Plan:
    """The plan of a model of which ``graph`` is the exported file, where there is one."""
    return plan_tensors(tensors(model), type(model).__name__, configuration(model), graph, **chosen)


def configuration(model: nn.Module) -> str:
    """The configuration of a Hugging Face model, which tells heads and offsets of norms."""
    write = getattr(getattr(model, "config", None), "to_json_string", None)
    return write(use_diff=False) if callable(write) else ""
