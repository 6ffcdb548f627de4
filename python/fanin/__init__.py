"""Weight initialization for neural networks: plans with reasons, and the same values everywhere.

>>> import fanin
>>> plan = fanin.plan("mlp:784-256x3-10:relu", seed=7)
>>> plan["layers.0.weight"].call
'he(follows=true)'

Files, short architectures and dictionaries of arrays are planned here; ``fanin.torch``, ``fanin.keras`` and ``fanin.jax``
do the same for models of theirs, and :func:`plan`, :func:`init` and :func:`diagnose` find the right one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from . import _fanin, errors, methods
from ._fanin import Digest, set_threads
from .arrays import fill
from .comparison import Comparison, compare
from .errors import Error, FileError, Problem, Refused
from .files import Model, init_arrays, open, plan_arrays
from .methods import Call, call
from .plan import Decision, Plan
from .report import Report, diagnose_file

__version__ = _fanin.VERSION
__all__ = [
    "Call",
    "Comparison",
    "Decision",
    "Digest",
    "Error",
    "FileError",
    "Model",
    "Plan",
    "Problem",
    "Refused",
    "Report",
    "call",
    "compare",
    "diagnose",
    "explain",
    "fill",
    "init",
    "methods",
    "open",
    "plan",
    "recipes",
    "set_threads",
]

if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads; it gets its own, so that it does not wait for theirs.
    os.register_at_fork(after_in_child=lambda: set_threads(0))


def _is_a(model: Any, module: str, *path: str) -> bool:
    """Whether ``model`` is of a class of a module that is imported already; nothing is imported for the question."""
    found: Any = sys.modules.get(module)
    for name in path:
        found = getattr(found, name, None)
    return isinstance(found, type) and isinstance(model, found)


def _framework(model: Any) -> Any:
    """The part of fanin that knows models of this kind."""
    # On its torch backend a Keras model is a torch module too.
    if _is_a(model, "keras", "Layer"):
        from . import keras

        return keras
    if _is_a(model, "torch", "nn", "Module"):
        from . import torch

        return torch
    kind = type(model).__name__
    expected = "a path, a fanin.Model, a torch or Keras model, or a dictionary of arrays"
    raise errors.refused("", "plan", f"this is a {kind}", expected, "For JAX use `fanin.jax.plan`.")


def plan(model: Any, recipe: str | os.PathLike[str] = "auto", **options: Any) -> Plan:
    """Decides what every parameter of a model gets, and why; nothing is changed.

    :param model: the path of a file, a short architecture (``gpt:layers=2,d=64,heads=4``), a torch or Keras model, or a
        dictionary of NumPy arrays.
    :param recipe: a built-in recipe (:func:`recipes`), or the path of a recipe file ending in ``.toml``.
    :param options: ``seed``, ``set``, ``say``, ``options``, ``dtype`` as in :meth:`Model.plan`, and what the framework's
        own ``plan`` takes.
    :raises Refused: all problems together.
    """
    if isinstance(model, str | os.PathLike):
        model = Model(model)
    if isinstance(model, Model):
        return model.plan(recipe, **options)
    if isinstance(model, Mapping):
        return plan_arrays(model, recipe=recipe, **options)
    return _framework(model).plan(model, recipe=recipe, **options)


def init(model: Any, out: str | os.PathLike[str] | None = None, *, plan: Plan | None = None, **options: Any) -> Plan:
    """Gives a model its initial values, and returns the plan that they follow.

    A file is written to ``out`` (with ``overwrite=True`` also where there is one); models and arrays in memory are filled
    in place.

    >>> import fanin, numpy as np
    >>> arrays = {"fc.weight": np.empty((10, 64), np.float32), "fc.bias": np.empty(10, np.float32)}
    >>> fanin.init(arrays, recipe="he")["fc.weight"].fan_in
    64.0
    """
    make = globals()["plan"]
    overwrite = options.pop("overwrite", False)
    if isinstance(model, str | os.PathLike | Model):
        opened = model if isinstance(model, Model) else Model(model)
        if out is None:
            raise errors.refused(opened.path, "init", "no output was named", "`out=`", "A file is never changed in place.")
        chosen = opened.plan(**options) if plan is None else plan
        opened.write(out, chosen, overwrite=overwrite)
        return chosen
    chosen = make(model, **options) if plan is None else plan
    if isinstance(model, Mapping):
        init_arrays(model, chosen)
    else:
        _framework(model).init_(model, chosen)
    return chosen


def diagnose(model: Any, *args: Any, **options: Any) -> Report:
    """What is wrong with a model before it is trained: its weights and its signals against what they should be.

    For a file the options are those of ``fanin diagnose``; for a torch model see :func:`fanin.torch.diagnose`.
    """
    if isinstance(model, str | os.PathLike):
        return diagnose_file(model, **options)
    return _framework(model).diagnose(model, *args, **options)


def explain(name: str) -> str:
    """A method, a framework's name for one, a recipe, an activation or a short architecture, in full."""
    return _fanin.explain(name, False)


def recipes() -> list[str]:
    """The names of the built-in recipes."""
    return json.loads(_fanin.recipes())
