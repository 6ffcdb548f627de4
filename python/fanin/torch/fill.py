"""Values in place: every process fills what it holds, without communication and without a whole tensor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import Problem, Refused
from ..plan import Plan
from . import beside
from .layout import Local, local
from .names import Held, canonical, held, hidden_buffers
from .tree import name_of


#: What to do with a tensor of another shape.
_WHOLE = "Make a plan for this model on its whole tensors, before it is sharded; for FSDP1 use `param_init_fn`."


@dataclass
class Filled:
    """What :func:`init_` did with each tensor of a model."""

    filled: list[str] = field(default_factory=list)
    """Parameters that were given values."""
    tied: list[str] = field(default_factory=list)
    """Parameters that are another one, which was given values."""
    kept: list[str] = field(default_factory=list)
    """Parameters that the plan keeps, or that ``only`` leaves out."""
    reset: list[str] = field(default_factory=list)
    """Running statistics that were set to those of a fresh normalization."""
    buffers: list[str] = field(default_factory=list)
    """Buffers that were not touched. ``to_empty`` has wiped them if the model came from ``meta``: restore them."""

    def check(self) -> Filled:
        """Refuses buffers that were left as they are, for a model that was made by ``to_empty``."""
        if self.buffers:
            wrong = "`init_` did not set it, and `to_empty` leaves it without values"
            remedy = "Compute it again (most models do so in `__init__` or `reset_parameters`), or load it."
            raise Refused.of([(name, "init_", wrong, "a buffer with values", remedy) for name in self.buffers])
        return self

    def __repr__(self) -> str:
        counts = {"filled": self.filled, "tied": self.tied, "kept": self.kept, "reset": self.reset}
        text = ", ".join(f"{len(names)} {word}" for word, names in counts.items() if names)
        if not self.buffers:
            return f"Filled({text})"
        shown = ", ".join(self.buffers[:4]) + (" …" if len(self.buffers) > 4 else "")
        return f"Filled({text}; buffers not touched: {shown})"


def init_(model: nn.Module, plan: Plan, *, only: Collection[str] | None = None, part: bool = False) -> Filled:
    """Gives the parameters of a model the values of a plan, in place, on whatever device they are.

    Of a sharded tensor a rank fills what it holds: nothing is communicated, and no whole tensor is made. The
    values are those of the plan whatever the layout, the device and the order of the layers; an element type other than
    the plan's gets the same values, rounded once.

    :param only: names to fill, the others stay: ``only=info["missing_keys"]`` of transformers' ``from_pretrained``.
    :param part: the model is a part of the planned one (a pipeline stage): the plan may have names that it has not.
    :raises fanin.Refused: before anything is changed, all problems together.
    """
    everything = list(held(model))
    items = [item for item in everything if item.is_parameter]
    wanted = None if only is None else {canonical(name) for name in only}
    locals_: list[tuple[Held, Local]] = []
    problems: list[Problem] = []
    for item in items:
        if wanted is not None and item.name not in wanted:
            continue
        try:
            locals_.append((item, checked(item.tensor, item.name, plan)))
        except Refused as error:
            problems += error.problems
    problems += _strangers(plan, {item.name for item in everything}, wanted, part)
    if problems:
        raise Refused.of(problems)
    return _fill(model, plan, locals_, everything)


def checked(tensor: torch.Tensor, name: str, plan: Plan) -> Local:
    """What is held of a tensor that the plan knows, in the shape that it knows."""
    found = local(tensor, name)
    if found.data.is_complex():
        found = Local((*found.shape, 2), _paired(found.region), torch.view_as_real(found.data.resolve_conj()))
    if problems := plan.misfits(name, found.shape, "init_", _WHOLE):
        raise Refused.of(problems)
    return found


def _paired(region: Any) -> Any:
    """A region of complex numbers, as one of pairs of real ones."""
    if isinstance(region, tuple):
        return (2 * region[0], 2 * region[1])
    return region and [*region, [(0, 2)]]


def _strangers(plan: Plan, names: set[str], wanted: set[str] | None, part: bool) -> list[Problem]:
    if part or wanted is not None:
        missing = (wanted or set()) - names
        remedy = "Check the names: they are those of `model.state_dict()`."
        return [Problem(name, "only", "the model has no such parameter", "a name of the model", remedy) for name in missing]
    remedy = "Make a plan for this model; for a pipeline stage say `part=True`."
    wrong = "the plan has it, the model has not"
    return [Problem(name, "init_", wrong, "a plan of this model", remedy) for name in plan if name not in names]


def _fill(model: nn.Module, plan: Plan, found: Iterable[tuple[Held, Local]], everything: list[Held]) -> Filled:
    done, seen = Filled(), set()
    # Tensors that can be written where they lie are filled together, in one call; until then somebody has to hold them.
    near: list[beside.Order] = []
    alive: list[torch.Tensor] = []
    far: list[beside.Far] = []
    for item, here in found:
        if plan.keeps(item.name):
            continue
        if id(item.tensor) in seen:
            done.tied.append(item.name)
            continue
        seen.add(id(item.tensor))
        if beside.is_near(here.data):
            alive.append(here.data)
            near.append((item.name, beside.place(here.data), name_of(here.data.dtype), here.region))
        else:
            far.append(beside.Far(item.name, here.data, here.region, plan._core.is_whole(item.name)))
        done.filled.append(item.name)
    plan._core.fill_all(near)
    beside.fill(far, plan._core.fill_all)
    alive.clear()
    given = {*done.filled, *done.tied}
    done.kept = [item.name for item in everything if item.is_parameter and item.name not in given]
    done.reset = list(_reset_statistics(model)) if done.filled else []
    reset = set(done.reset)
    buffers = [item.name for item in everything if not item.is_parameter] + list(hidden_buffers(model))
    done.buffers = [name for name in buffers if name not in reset]
    return done


def _reset_statistics(model: nn.Module) -> Iterable[str]:
    """Sets the running statistics of torch's normalizations to those of a model that has seen nothing."""
    for path, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
            module.reset_running_stats()
            prefix = canonical(f"{path}.") if path else ""
            yield from (prefix + name for name in ("running_mean", "running_var", "num_batches_tracked"))


def fill_local(here: Local, write: Callable[[np.ndarray, str], None]) -> None:
    """Lets ``write`` make the bytes of what is held: where it lies, or beside it where that is another device or has gaps."""
    if beside.is_near(here.data):
        write(beside.place(here.data), name_of(here.data.dtype))
        return

    def make(orders: list[beside.Order]) -> None:
        for _, out, dtype, _ in orders:
            write(out, str(dtype))

    beside.fill([beside.Far("", here.data, here.region)], make)


def values(plan: Plan, name: str, region: Any) -> Callable[[Any, str], None]:
    """What writes the values of a parameter, or of a region of it, to bytes of some element type."""

    def write(out: Any, dtype: str) -> None:
        plan._core.fill(name, out, dtype, region)

    return write


def memory(data: torch.Tensor) -> np.ndarray:
    """The bytes of a contiguous tensor on the CPU, shared with it."""
    return data.reshape(-1).view(torch.uint8).numpy()


def init_shards_(state: Mapping[str, Any], plan: Plan) -> list[str]:
    """Fills shards that describe themselves: those of Megatron-core's ``sharded_state_dict``.

    Each value has ``key``, ``data``, ``global_shape`` and ``global_offset``, and is a box of the whole tensor; what else
    a dictionary holds is passed over. Build factories (``apply_factories``) before. Returns the names that were filled.
    """
    filled = []
    for shard in _shards(state):
        shape, data = tuple(shard.global_shape), shard.data.detach()
        offsets = list(shard.global_offset)
        # Axes that only the checkpoint has (layers, experts) have one index here.
        sizes = [1] * (len(shape) - data.dim()) + list(data.shape)
        region = [[(offset, offset + size)] for offset, size in zip(offsets, sizes, strict=True)]
        remedy = "Make the plan with Megatron's keys and shapes."
        if problems := plan.misfits(shard.key, shape, "init_shards_", remedy):
            raise Refused.of(problems)
        if not plan.keeps(shard.key):
            key = shard.key
            fill_local(Local(shape, region, data), values(plan, key, region))
            filled.append(key)
    return filled


def _shards(state: Any) -> Iterable[Any]:
    if isinstance(state, Mapping):
        for value in state.values():
            yield from _shards(value)
    elif isinstance(state, list | tuple):
        for value in state:
            yield from _shards(value)
    elif all(hasattr(state, name) for name in ("key", "data", "global_shape", "global_offset")):
        # Objects (the extra state of a layer) describe themselves too, and hold no tensor.
        if isinstance(state.data, torch.Tensor):
            yield state
