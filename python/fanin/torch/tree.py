"""What the classes of its modules say of a model's parameters."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from ..arrays import dtype_name
from ..errors import refused
from ..files import told
from .names import Held, canonical, held

#: Modules that leave the way from a layer to its activation open.
_PASSED: tuple[type[nn.Module], ...] = (nn.Dropout, nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)
_PASSED += (nn.LayerNorm, nn.GroupNorm, nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)

#: Activations, and their names in fanin.
_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.LeakyReLU: "leaky_relu",
    nn.ELU: "elu",
    nn.CELU: "celu",
    nn.SELU: "selu",
    nn.SiLU: "silu",
    nn.Mish: "mish",
    nn.Softplus: "softplus",
    nn.Softsign: "softsign",
    nn.Tanh: "tanh",
    nn.Hardtanh: "hard_tanh",
    nn.Sigmoid: "sigmoid",
    nn.Hardsigmoid: "hard_sigmoid",
    nn.Hardswish: "hard_swish",
}


def tensors(model: nn.Module) -> list[dict[str, Any]]:
    """What a plan is told of each parameter and buffer of a model: shapes, axes, roles, ties."""
    follows, owners = _follows(model), _owners(model)
    first: dict[int, str] = {}
    lines = []
    for item in held(model):
        if nn.parameter.is_lazy(item.tensor):
            wrong = "its shape is not known yet: the module is lazy"
            raise refused(item.name, "plan", wrong, "a tensor with a shape", "Run the model on one batch first.")
        line = _line(item, follows, owners)
        if item.is_parameter:
            drawn = first.setdefault(id(item.tensor), item.name)
            if drawn != item.name:
                line["tied"] = {"to": drawn}
            line["own"] = drawn == item.name
        lines.append(line)
    return lines


def _line(item: Held, follows: dict[int, str], owners: dict[int, nn.Module]) -> dict[str, Any]:
    shape, dtype = tuple(item.tensor.shape), item.tensor.dtype
    if not item.is_parameter:
        return told(item.name, shape, dtype, **_buffer(item))
    module, attribute = _origin(item, owners)
    facts = _facts(module, attribute, len(shape))
    if dtype.is_complex:
        # A complex number is two real ones, over which its variance is shared as over the places of a field.
        shape, dtype = (*shape, 2), torch.view_as_real(torch.empty(0, dtype=dtype)).dtype
        facts += ",field" if "axes:" in facts else ""
    line = told(item.name, shape, dtype)
    if not facts:
        return line
    if "role:weight" in facts and id(module) in follows:
        facts += f" follows:{follows[id(module)]}"
    line |= {"facts": _ordered(facts), "because": f"{type(module).__module__.split('.')[0]}: {_class_name(module)}"}
    if "role:bias" in facts and getattr(module, "weight", None) is not None:
        line["beside"] = item.name.removesuffix("bias") + "weight"
    return line


def _buffer(item: Held) -> dict[str, Any]:
    """A buffer is no parameter, whatever its name or a graph makes of it."""
    if isinstance(item.module, nn.modules.batchnorm._NormBase) or not item.tensor.is_floating_point():
        return {}
    return {"facts": "role:fixed", "because": "torch: a buffer", "note": "a buffer: no optimizer changes it"}


def _ordered(facts: str) -> str:
    """Axes stand last in what a class says, so that dimensions can be added; they are read first."""
    words = facts.split()
    return " ".join(sorted(words, key=lambda word: not word.startswith("axes:")))


def _class_name(module: nn.Module) -> str:
    name = type(module).__name__
    return name.removeprefix("Parametrized")


def _origin(item: Held, owners: dict[int, nn.Module]) -> tuple[nn.Module, str]:
    """Module and attribute of the tensor that a parametrization stands for; the item's own where there is none."""
    owner = owners.get(id(item.module))
    if owner is not None and item.attribute in ("original", "original1"):
        return owner, item.name.split(".")[-2]
    return item.module, item.attribute


def _owners(model: nn.Module) -> dict[int, nn.Module]:
    """The modules whose tensors are parametrized, by the id of each parametrization."""
    parametrized = [module for module in model.modules() if parametrize.is_parametrized(module)]
    return {id(p): module for module in parametrized for p in module.parametrizations.children()}  # type: ignore[union-attr]


def _facts(module: nn.Module, attribute: str, rank: int) -> str:
    """What the class of a module says of one of its parameters, in the words of ``--say``; empty where it says nothing."""
    for kind, say in _KINDS:
        if isinstance(module, kind):
            return say(module, attribute, rank)
    name = _class_name(module)
    # Hugging Face's Conv1D is a linear layer whose weight is [in, out].
    if name == "Conv1D" and attribute in ("weight", "bias"):
        return "role:weight axes:in,out" if attribute == "weight" else "role:bias axes:out"
    if name.endswith("Norm") and rank == 1 and attribute in ("weight", "bias"):
        return "role:scale" if attribute == "weight" else "role:shift"
    return ""


def _linear(_: nn.Module, attribute: str, rank: int) -> str:
    return {"weight": "role:weight axes:out,in", "bias": "role:bias axes:out"}.get(attribute, "") if rank <= 2 else ""


def _bilinear(_: nn.Module, attribute: str, rank: int) -> str:
    return {"weight": "role:weight axes:out,in,in", "bias": "role:bias axes:out"}.get(attribute, "")


def _conv(module: Any, attribute: str, rank: int) -> str:
    if attribute == "bias":
        return "role:bias axes:out"
    if attribute != "weight":
        return ""
    fields = ",field" * (rank - 2)
    if module.transposed:
        stride = math.prod(module.stride)
        return f"role:weight transposed:yes groups:{module.groups} stride:{stride} axes:in,out{fields}"
    return f"role:weight groups:{module.groups} axes:out,in{fields}"


def _embedding(_: nn.Module, attribute: str, rank: int) -> str:
    return "role:embedding axes:in,out" if attribute == "weight" else ""


def _norm(_: nn.Module, attribute: str, rank: int) -> str:
    return {"weight": "role:scale", "bias": "role:shift"}.get(attribute, "")


def _slope(_: nn.Module, attribute: str, rank: int) -> str:
    return "role:slope" if attribute == "weight" else ""


_NORMS: tuple[type[nn.Module], ...] = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
_NORMS += (nn.RMSNorm,) if hasattr(nn, "RMSNorm") else ()

_KINDS: list[tuple[Any, Callable[[Any, str, int], str]]] = [
    (nn.Linear, _linear),
    (nn.Bilinear, _bilinear),
    (nn.modules.conv._ConvNd, _conv),
    ((nn.Embedding, nn.EmbeddingBag), _embedding),
    (_NORMS, _norm),
    (nn.PReLU, _slope),
]


def _follows(model: nn.Module) -> dict[int, str]:
    """The activation behind each layer, by its id, where the tree shows it: within an ``nn.Sequential``."""
    found: dict[int, str] = {}
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            row = _flat(module)
            for at, layer in enumerate(row):
                name = _meets(row[at + 1 :])
                if name is not None and isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
                    found.setdefault(id(layer), name)
        elif isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
            name = _function(module.activation)
            found |= {id(module.linear1): name} if name else {}
    return found


def _flat(module: nn.Module) -> list[nn.Module]:
    """The modules of a sequence, with those of sequences inside it."""
    if not isinstance(module, nn.Sequential):
        return [module]
    return [inner for child in module for inner in _flat(child)]


def _meets(row: list[nn.Module]) -> str | None:
    for module in row:
        name = activation_name(module)
        if name is not None or not isinstance(module, _PASSED):
            return name
    return None


def activation_name(module: nn.Module) -> str | None:
    """The activation that a module is, in fanin's words."""
    if isinstance(module, nn.GELU):
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    if isinstance(module, nn.LeakyReLU) and module.negative_slope != 0.01:
        return None
    return _ACTIVATIONS.get(type(module))


def _function(activation: Any) -> str | None:
    if isinstance(activation, nn.Module):
        return activation_name(activation)
    return {"relu": "relu", "gelu": "gelu"}.get(getattr(activation, "__name__", ""))


@functools.cache
def name_of(dtype: torch.dtype) -> str:
    """An element type of torch in fanin's words."""
    return dtype_name(dtype)


__all__ = ["activation_name", "canonical", "name_of", "tensors"]
