"""Diagnoses of torch models: one batch forward and backward under hooks, judged as the program judges its own."""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import measures
from ..arrays import dtype_name
from ..errors import refused
from ..plan import Plan
from ..report import Report
from .export import arguments
from .exported import exported
from .fill import memory
from .names import Held, held
from .plan import configuration
from .tree import tensors

#: Layers whose outputs are measured.
_LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.Embedding)
#: Activations by the name of their node in torch's graph.
_NODES = {
    "Relu": "relu",
    "Gelu": "gelu",
    "Silu": "silu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Elu": "elu",
    "LeakyRelu": "leaky_relu",
    "Hardtanh": "relu6",
    "Mish": "mish",
    "Softplus": "softplus",
}
_NORMS = ("NativeLayerNorm", "NativeBatchNorm", "CudnnBatchNorm", "NativeGroupNorm", "FusedRmsNorm", "Rsqrt", "Softmax")
#: Nodes that are walked from a layer back to those before it.
_REACH = 4096


def diagnose(
    model: nn.Module,
    batch: Any,
    loss: Callable[..., torch.Tensor] | None = None,
    *,
    plan: Plan | None = None,
    graph: bool | None = None,
) -> Report:
    """What is wrong with a model before it is trained: its weights, and one batch's signals forward and backward.

    The report is that of ``fanin diagnose``. Normalizations use the statistics of the batch, dropout is off, and the
    model is left as it was. Hooks measure what passes the layers; the Jacobian, the residual stream, attention and, with a
    ``plan``, what is predicted of each layer come from the exported graph (this needs ``onnx`` and ``onnxscript``).

    :param batch: what the model is called with; with ``loss``, a pair ``(inputs, targets)``.
    :param loss: a function of outputs and targets, such as ``torch.nn.functional.cross_entropy``.
    :param plan: what the weights should follow; without one they are held against what is usual for their roles.
    :param graph: whether to export the model. Left out, it is tried for models that are not large, and a note of the report
        says what came of it; ``True`` makes a failure an error.
    """
    inputs, targets = batch if loss is not None else (batch, None)
    positional, named = arguments(inputs)
    probe = _Probe(model)
    with _as_trained(model), torch.enable_grad(), probe.hooks():
        output = _tensor(model(*positional, **named))
        lost = None if loss is None else _loss(loss, output, targets)
        if output.requires_grad:
            probe.backward(output)
    with exported(model, inputs, graph) as seen:
        measured = {
            "module": "fanin.torch",
            "model": type(model).__name__,
            "tensors": tensors(model),
            "config": configuration(model),
            "layers": probe.rows(),
            "samples": int(output.shape[0]) if output.ndim else 1,
            "batch_statistics": any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()),
            "inputs": _scales(model, positional, named),
            "loss": lost,
            "notes": [seen.note],
        }
        values = [(item.name, memory(item.tensor.detach().cpu().contiguous())) for item in held(model) if _is_plain(item)]
        return measures.report(measured, values, plan, None if seen.model is None else seen.model._core, seen.fed)


def _scales(model: nn.Module, positional: Sequence[Any], named: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How large the inputs are, by the names of ``forward``'s parameters."""
    names = [name for name in inspect.signature(model.forward).parameters if name not in named]
    given = [*zip(names, positional, strict=False), *named.items()]
    arrays = [(name, value.detach().float().cpu().numpy()) for name, value in given if _is_real(value)]
    return [row for name, array in arrays for row in measures.scale(name, array, 1)]


def _is_real(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _is_plain(item: Held) -> bool:
    tensor = item.tensor
    return item.is_parameter and tensor.numel() > 0 and not tensor.is_complex() and dtype_name(tensor.dtype).startswith(("f", "b"))


@contextmanager
def _as_trained(model: nn.Module) -> Iterator[None]:
    """Normalizations as in training, without dropout; modes, statistics and gradients are put back afterwards."""
    modes = {module: module.training for module in model.modules()}
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._NormBase) and m.running_mean is not None]
    statistics = [(norm, [buffer.clone() for buffer in norm._buffers.values() if buffer is not None]) for norm in norms]
    try:
        model.train()
        for module in model.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for norm, kept in statistics:
            for buffer, value in zip([b for b in norm._buffers.values() if b is not None], kept, strict=True):
                buffer.copy_(value)


def _tensor(output: Any) -> torch.Tensor:
    """The first floating-point tensor of what a model returns."""
    if isinstance(output, torch.Tensor) and output.is_floating_point():
        return output
    values: Iterable[Any] = ()
    if isinstance(output, Mapping):
        values = [output["logits"]] if output.get("logits") is not None else output.values()
    elif isinstance(output, tuple | list):
        values = output
    for value in values:
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value
    kind = type(output).__name__
    raise refused("model", "diagnose", f"it returns a {kind}", "a tensor of numbers, or something that holds one", "Wrap it.")


def _loss(loss: Callable[..., torch.Tensor], output: torch.Tensor, targets: Any) -> dict[str, Any] | None:
    """The loss on the batch, and that of the best answer that does not look at the input."""
    with torch.no_grad():
        measured = float(loss(output, targets))
        if targets.is_floating_point():
            answer = targets.mean(0, keepdim=True).expand_as(output) if targets.shape == output.shape else torch.zeros_like(output)
        else:
            classes = output.shape[1] if output.ndim > 1 else 1
            counts = torch.bincount(targets.reshape(-1).clamp(min=0), minlength=classes)[:classes].double()
            shape = [1, classes, *[1] * (output.ndim - 2)]
            answer = (counts / counts.sum()).clamp(min=1e-9).log().to(output).reshape(shape).expand_as(output)
        uninformed = float(loss(answer, targets))
    if not (math.isfinite(measured) and math.isfinite(uninformed)):
        return None
    name = getattr(loss, "__name__", type(loss).__name__)
    return {"kind": re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), "measured": measured, "uninformed": uninformed}


class _Probe:
    """What the hooks of one forward pass see of each layer."""

    def __init__(self, model: nn.Module) -> None:
        self._weights: dict[int, Held] = {}
        for item in held(model):
            if item.attribute in ("weight", "original", "original1") and isinstance(item.module, _LAYERS):
                self._weights.setdefault(id(item.module), item)
        self._model = model
        self._seen: list[tuple[Held, nn.Module, torch.Tensor, Any]] = []
        self._numbers: list[dict[str, float]] = []

    @contextmanager
    def hooks(self) -> Iterator[None]:
        with ExitStack() as stack:
            for module in self._model.modules():
                if id(module) in self._weights:
                    stack.callback(module.register_forward_hook(self._note).remove)
            yield

    def _note(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, torch.Tensor) or not output.is_floating_point():
            return
        source = inputs[0] if inputs and isinstance(inputs[0], torch.Tensor) else None
        self._seen.append((self._weights[id(module)], module, output, None if source is None else source.grad_fn))

    def backward(self, output: torch.Tensor) -> None:
        """Measures everything: the outputs, and the gradients for an output gradient of standard normal numbers."""
        values = [out for _, _, out, _ in self._seen]
        generator = torch.Generator(device="cpu").manual_seed(0)
        start = torch.randn(output.shape, generator=generator, dtype=torch.float32).to(output)
        weights = [item.tensor for item, *_ in self._seen]
        wanted = [tensor for tensor in values + weights if tensor.requires_grad]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gradients = torch.autograd.grad(output, wanted, start, allow_unused=True, retain_graph=True)
        by_id = {id(tensor): gradient for tensor, gradient in zip(wanted, gradients, strict=True) if gradient is not None}
        samples = max(int(output.shape[0]) if output.ndim else 1, 1)
        for (item, *_), value in zip(self._seen, values, strict=True):
            numbers = measures.forward(_array(value))
            gradient, own = by_id.get(id(value)), by_id.get(id(item.tensor))
            if gradient is not None:
                numbers |= measures.backward(_array(gradient), samples)
            if own is not None:
                numbers |= measures.update_ratio(_array(own), _array(item.tensor))
            self._numbers.append(numbers)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each layer, in the order of execution."""
        nodes = {out.grad_fn: at for at, (_, _, out, _) in enumerate(self._seen) if out.grad_fn is not None}
        rows: list[dict[str, Any]] = []
        behind: dict[Any, list[Any]] = {}
        for at, (item, module, value, source) in enumerate(self._seen):
            sources, before = _walk(source, nodes, behind)
            numbers = self._numbers[at] if at < len(self._numbers) else measures.forward(_array(value))
            rows.append(
                {
                    "name": item.name.rsplit(".", 1)[0],
                    "op": type(module).__name__,
                    "weight": item.name,
                    "has_bias": getattr(module, "bias", None) is not None,
                    "width": int(value.shape[1] if isinstance(module, nn.modules.conv._ConvNd) else value.shape[-1]),
                    "sources": [s for s in sources if s < at],
                    "before": [s for s in before if s < at],
                    "non_finite": int((~value.detach().isfinite()).sum()),
                    "numbers": measures.finite(numbers),
                }
            )
        for row, (_, _, value, _) in zip(rows, self._seen, strict=True):
            _activated(row, value, behind)
        return rows


def _array(value: torch.Tensor) -> np.ndarray:
    return value.detach().double().cpu().numpy()


def _kind(node: Any) -> str:
    return re.sub(r"Backward\d*$", "", type(node).__name__)


def _walk(start: Any, layers: dict[Any, int], behind: dict[Any, list[Any]]) -> tuple[list[int], list[int]]:
    """The layers whose outputs reach a value, and those that do without a normalization on the way."""
    sources, before = set(), set()
    seen: set[tuple[Any, bool]] = set()
    todo = [(start, False)] if start is not None else []
    while todo and len(seen) < _REACH:
        node, normalized = todo.pop()
        if (node, normalized) in seen:
            continue
        seen.add((node, normalized))
        if node in layers:
            sources.add(layers[node])
            if not normalized:
                before.add(layers[node])
            continue
        normalized = normalized or _kind(node) in _NORMS
        for following, _ in node.next_functions:
            if following is not None:
                behind.setdefault(following, []).append(node)
                todo.append((following, normalized))
    return sorted(sources), sorted(before)


def _activated(row: dict[str, Any], value: torch.Tensor, behind: dict[Any, list[Any]]) -> None:
    """Finds the activation that a layer meets, and what of it is dead or saturated."""
    node, normalized = value.grad_fn, False
    for _ in range(8):
        ahead = list(dict.fromkeys(behind.get(node, [])))
        if not ahead:
            return
        found = next((other for other in ahead if _kind(other) in _NODES), None)
        if found is not None:
            break
        if len(ahead) > 1 and not any(_kind(other) in _NORMS for other in ahead):
            return
        node = ahead[0]
        normalized = normalized or _kind(node) in _NORMS
    else:
        return
    name, data = _NODES[_kind(found)], value.detach()
    result = getattr(found, "_saved_result", None) if name == "relu" else None
    positive = result.detach() > 0 if isinstance(result, torch.Tensor) else (data > 0 if not normalized else None)
    axis = 1 if row["op"].startswith("Conv") else -1
    measures.activated(row, name, None if normalized else _array(data), None if positive is None else positive.cpu().numpy(), axis)
