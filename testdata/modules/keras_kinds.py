"""What a built Keras model says of each of its variables, by the class of the layer that holds it."""

import math

from keras import layers as L

KEPT = "fixed|statistic"
NORMS = (L.BatchNormalization, L.LayerNormalization, L.GroupNormalization, L.RMSNormalization)


def einsum(equation):
    """What the dimensions of the second factor mean: those that end up in the output only are its outputs."""
    factors, output = equation.split("->")
    signal, kernel = factors.split(",")
    letter = lambda c: ("O" if c not in signal else "S") if c in output else "I"
    return "weight " + "".join(map(letter, kernel))


def cell(cls, name, rank):
    gates = 4 if "LSTM" in cls else 3 if "GRU" in cls else 1
    role = "weight" if name == "kernel" else "recurrent"
    return f"{role} {'K' * (rank - 2)}IO" + (f" b={gates}" if gates > 1 else "")


def convolution(layer, cls, variable):
    name, field = variable.path.split("/")[-1], "K" * len(layer.kernel_size)
    if "Depthwise" in cls or name == "depthwise_kernel":
        return f"weight {field}IO g={variable.shape[-2]}"
    if "Transpose" in cls:
        stride = math.prod(layer.strides)
        return f"weight {field}OI" + (f" s={stride}" if stride > 1 else "")
    return f"weight {field}IO" + (f" g={layer.groups}" if getattr(layer, "groups", 1) > 1 else "")


def of(layer, variable):
    name, cls = variable.path.split("/")[-1], type(layer).__name__
    if isinstance(layer, NORMS):
        return {"gamma": "scale", "scale": "scale", "beta": "shift"}.get(name, KEPT)
    if "seed" in name or isinstance(layer, L.Normalization):
        return KEPT
    if isinstance(layer, L.Embedding):
        return "embedding|position IO"
    if name == "bias":
        return "bias"
    if isinstance(layer, L.Dense):
        return "weight IO"
    if isinstance(layer, L.EinsumDense):
        return einsum(layer.equation)
    if cls.endswith("Cell"):
        return cell(cls, name, len(variable.shape))
    if "Conv" in cls and hasattr(layer, "kernel_size"):
        return convolution(layer, cls, variable)
    return "slope" if isinstance(layer, L.PReLU) else None


def what_is(layer, truth=None):
    """The truth of every variable beneath a layer, by its path; `None` where no class tells."""
    truth = {} if truth is None else truth
    for variable in layer._trainable_variables + layer._non_trainable_variables:
        truth.setdefault(variable.path, of(layer, variable))
    for inner in layer._layers:
        what_is(inner, truth)
    return truth
