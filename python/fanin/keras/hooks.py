"""What passes the layers of a Keras model: every output before its activation, as the model meets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
from keras import layers

_CONVOLUTIONS: tuple[Any, ...] = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_CONVOLUTIONS += (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_CONVOLUTIONS += (layers.SeparableConv1D, layers.SeparableConv2D)
#: Layers whose outputs are measured.
MEASURED = (layers.Dense, layers.EinsumDense, layers.Embedding, *_CONVOLUTIONS)

#: What takes the scale of a signal away.
_SCALED: tuple[Any, ...] = (layers.BatchNormalization, layers.LayerNormalization, layers.GroupNormalization, layers.UnitNormalization)
_SCALED += tuple(getattr(layers, name) for name in ("RMSNormalization",) if hasattr(layers, name))
_SCALED += (layers.LSTM, layers.GRU, layers.SimpleRNN, layers.Softmax)

#: Kernels of layers that are measured, the one that meets the input first.
_KERNELS = ("kernel", "embeddings", "depthwise_kernel", "pointwise_kernel")


def rescales(operation: Any) -> bool:
    """Whether what an operation gives has a scale of its own, whatever it is given."""
    return isinstance(operation, _SCALED)


def kernel(layer: Any) -> Any:
    """The variable that a layer multiplies its input by."""
    named = {variable.name: variable for variable in layer.weights}
    return next((named[name] for name in _KERNELS if name in named), None)


def units(layer: Any) -> int:
    """The dimension of a layer's output that counts its units."""
    return 1 if getattr(layer, "data_format", None) == "channels_first" else -1


@contextmanager
def watching(model: Any, note: Callable[[Any, Any], Any], scaled: Callable[[], None]) -> Iterator[None]:
    """Gives every layer's output to ``note`` before the activation, and goes on with what that returns; says ``scaled`` where a
    layer has given the signal a new scale. Dropout is off meanwhile."""
    with ExitStack() as stack:

        def put(layer: Any, name: str, value: Any) -> None:
            own = name in vars(layer)
            before = getattr(layer, name)
            object.__setattr__(layer, name, value)
            stack.callback(object.__setattr__, layer, name, before) if own else stack.callback(object.__delattr__, layer, name)

        for layer in model._flatten_layers():
            if isinstance(layer, MEASURED) and kernel(layer) is not None:
                if callable(getattr(layer, "activation", None)):
                    put(layer, "activation", _before(layer, layer.activation, note))
                else:
                    put(layer, "call", _behind(layer, layer.call, note))
            elif rescales(layer):
                put(layer, "call", _telling(layer.call, scaled))
            elif isinstance(getattr(layer, "rate", None), float) and "Dropout" in type(layer).__name__:
                put(layer, "rate", 0.0)
        yield


def _before(layer: Any, activation: Callable[[Any], Any], note: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda value: activation(note(layer, value))


def _behind(layer: Any, call: Callable[..., Any], note: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *args, **options: note(layer, call(*args, **options))


def _telling(call: Callable[..., Any], scaled: Callable[[], None]) -> Callable[..., Any]:
    def told(*args: Any, **options: Any) -> Any:
        made = call(*args, **options)
        scaled()
        return made

    return told


def run(model: Any, inputs: Any, mapping: Any = ()) -> Any:
    """What a model gives in training, with other values for some variables; no variable is changed."""
    with keras.StatelessScope(state_mapping=list(mapping)):
        return first(model(inputs, training=True))


def first(output: Any) -> Any:
    """The first tensor of what a model returns."""
    while isinstance(output, dict | list | tuple):
        output = next(iter(output.values() if isinstance(output, dict) else output))
    return output
