"""LSUV: one pass over a batch that gives every layer's output unit variance, kept in the plan as one number a layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ..errors import refused
from ..plan import Plan
from .fill import init_
from .layout import local
from .names import held
from .export import arguments

#: Layers whose weights are scaled.
_LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


def lsuv_(
    model: nn.Module,
    plan: Plan,
    batch: Any,
    *,
    tolerance: float = 0.02,
    rounds: int = 10,
    only: Iterable[str] | None = None,
) -> Plan:
    """Initializes ``model`` by ``plan``, scales each layer so that its output on ``batch`` has unit variance, and returns
    the plan that gives these values again, without the data.

    Layers are visited in the order in which the batch meets them, each after those before it are right. The
    plan of orthogonal weights (``recipe="auto"`` with ``set={"*.weight": "orthogonal"}``) makes it that of the paper.

    :param batch: the arguments of ``model.forward``: a tensor, a tuple or a dictionary.
    :param tolerance: how far from 1 the variance may stay.
    :param only: names of the weights to scale, if not all of linear and convolutional layers.

    Source: D. Mishkin, J. Matas 2016, arXiv:1511.06422, alg. 1.
    """
    init_(model, plan)
    wanted = None if only is None else set(only)
    layers = {}
    for item in held(model):
        chosen = item.attribute == "weight" and isinstance(item.module, _LAYERS) and id(item.module) not in layers
        if chosen and (wanted is None or item.name in wanted):
            if local(item.tensor, item.name).region is not None:
                remedy = "Calibrate on one process, and give its plan to all."
                raise refused(item.name, "lsuv_", "it is sharded", "whole layers", remedy)
            layers[id(item.module)] = item
    factors: dict[str, float] = {}

    def correct(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        item = layers[id(module)]
        if item.name in factors:
            return output
        factors[item.name] = 1.0
        for _ in range(rounds):
            variance = float(output.double().var())
            if not 0.0 < variance < float("inf"):
                wrong, remedy = f"its output has the variance {variance}", "Give it a method other than zeros, or leave it out."
                raise refused(item.name, "lsuv_", wrong, "a finite variance above 0", remedy)
            if abs(variance - 1.0) <= tolerance:
                break
            factor = variance**-0.5
            factors[item.name] *= factor
            item.tensor.data.mul_(factor)
            output = module.forward(*inputs)
        return output

    hooks = [item.module.register_forward_hook(correct) for item in layers.values()]
    positional, named = arguments(batch)
    try:
        with torch.no_grad():
            model(*positional, **named)
    finally:
        for hook in hooks:
            hook.remove()
    return _kept(model, plan, factors)


def _kept(model: nn.Module, plan: Plan, factors: dict[str, float]) -> Plan:
    """The plan with its factors, and the model with the values of that plan to the last bit."""
    core = plan._core
    for name, factor in factors.items():
        if factor != 1.0:
            core = core.scaled(name, factor, f"LSUV: the output on the batch has unit variance with the factor {factor:.6g}")
    calibrated = Plan(core, plan._model)
    init_(model, calibrated)
    return calibrated
