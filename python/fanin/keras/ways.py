"""How the measured layers of a Keras model stand to each other: from the graph of a functional model, or else in a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import layers

from .hooks import MEASURED, rescales
from .model import ACTIVATIONS

#: Operations that leave the way from a layer to its activation open.
_PASSED: tuple[Any, ...] = (layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D, layers.Flatten)
_PASSED += (layers.Reshape, layers.Permute, layers.Identity, layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D)
_PASSED += (layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
#: How many operations lie at most between a layer and its activation.
_REACH = 8


class Way(NamedTuple):
    """How one layer stands to the others, by their numbers in the order of execution."""

    sources: list[int]
    """Layers whose outputs reach it."""
    before: list[int]
    """Those that do without a new scale on the way."""
    follows: str | None
    """The activation that its output meets."""
    normalized: bool
    """Whether a normalization stands between it and the activation."""


def ways(model: Any, calls: Sequence[Any], scaled: Sequence[int]) -> list[Way]:
    """One for each call of a measured layer.

    Within a layer that is made of several, and in a model that is not functional, layers are taken to stand in a row.

    :param calls: the layers, in the order of execution.
    :param scaled: how many calls there were whenever the signal was given a new scale.
    """
    functional = getattr(model, "_functional", None) or model
    if not hasattr(functional, "_nodes_by_depth"):
        return [_in_a_row(at, layer, scaled) for at, layer in enumerate(calls)]
    return _Walk(functional, calls).ways


def _in_a_row(at: int, layer: Any, scaled: Sequence[int]) -> Way:
    source = [at - 1] if at else []
    return Way(source, [] if at in scaled else source, activation(layer), False)


def activation(operation: Any) -> str | None:
    """The activation that an operation is or ends in, in fanin's words."""
    name = getattr(getattr(operation, "activation", None), "__name__", None)
    if name is None:
        # `ReLU`, `LeakyReLU`: layers; `Relu`, `LeakyRelu`: operations.
        name = {"relu": "relu", "leakyrelu": "leaky_relu", "elu": "elu"}.get(type(operation).__name__.lower())
        name = name or type(operation).__name__.lower()
    return ACTIVATIONS.get(name)


class _Walk:
    """A walk through the nodes of a functional model, in the order of execution."""

    def __init__(self, model: Any, calls: Sequence[Any]) -> None:
        self._calls = calls
        self._nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
        self._ahead: dict[int, list[Any]] = defaultdict(list)
        for node in self._nodes:
            for behind in self._behind(node):
                self._ahead[id(behind)].append(node)
        waiting: dict[int, list[int]] = defaultdict(list)
        for at, layer in enumerate(calls):
            waiting[id(layer)].append(at)
        found: dict[int, Way] = {}
        #: The layers that each node's output comes from, and whether without a new scale.
        self._out: dict[int, dict[int, bool]] = {}
        for node in self._nodes:
            found |= self._node(node, waiting)
        self.ways = [found.get(at) or _in_a_row(at, layer, ()) for at, layer in enumerate(calls)]

    @staticmethod
    def _behind(node: Any) -> list[Any]:
        made = [tensor._keras_history for tensor in node.input_tensors]
        return [operation._inbound_nodes[at] for operation, at, _ in made]

    def _node(self, node: Any, waiting: dict[int, list[int]]) -> dict[int, Way]:
        operation = node.operation
        reached: dict[int, bool] = {}
        for behind in self._behind(node):
            for source, plain in self._out.get(id(behind), {}).items():
                reached[source] = reached.get(source, False) or plain
        inner = operation._flatten_layers() if hasattr(operation, "_flatten_layers") else ()
        mine = sorted(waiting[id(layer)].pop(0) for layer in inner if isinstance(layer, MEASURED) and waiting[id(layer)])
        if not mine:
            self._out[id(node)] = {source: plain and not rescales(operation) for source, plain in reached.items()}
            return {}
        self._out[id(node)] = {mine[-1]: True}
        first = Way(sorted(reached), sorted(at for at, plain in reached.items() if plain), *self._follows(node, mine[0]))
        rest = {at: Way([before], [before], activation(self._calls[at]), False) for before, at in zip(mine, mine[1:], strict=False)}
        return {mine[0]: first, **rest}

    def _follows(self, node: Any, at: int) -> tuple[str | None, bool]:
        """The activation behind a layer, and whether a normalization stands before it."""
        own, normalized = activation(self._calls[at]), False
        if own is not None or node.operation is not self._calls[at]:
            return own, False
        for _ in range(_REACH):
            ahead = self._ahead[id(node)]
            if len(ahead) != 1:
                return None, False
            node = ahead[0]
            name = None if isinstance(node.operation, MEASURED) else activation(node.operation)
            if name is not None:
                return name, normalized
            normalized = normalized or rescales(node.operation)
            if not (isinstance(node.operation, _PASSED) or rescales(node.operation)):
                return None, False
        return None, False
