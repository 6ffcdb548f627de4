"""Proof that a model holds the values of its plan, on any number of ranks: hashes are exchanged, weights are not."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from .. import _fanin
from ..plan import Plan
from .fill import checked, memory
from .names import held
from .tree import name_of


@dataclass
class Verified:
    """What :func:`verify` found; true if everything is as the plan says."""

    digest: str
    """Digest of all planned parameters, the same for every layout; ``fanin digest`` gives it for a file of them."""
    elements: int
    """Elements that some rank holds."""
    different: list[str] = field(default_factory=list)
    """Parameters whose values are not the plan's."""
    replicas: list[str] = field(default_factory=list)
    """Parameters of which two ranks hold the same elements with different values."""
    repeated: list[str] = field(default_factory=list)
    """Parameters of which different shards hold the same random values."""
    missing: list[str] = field(default_factory=list)
    """Parameters of which no rank holds some elements."""

    def __bool__(self) -> bool:
        return not (self.different or self.replicas or self.repeated or self.missing)

    def __repr__(self) -> str:
        found = {
            "not the plan's": self.different,
            "replicas differ": self.replicas,
            "shards repeat": self.repeated,
            "elements are missing": self.missing,
        }
        text = "; ".join(f"{what}: {', '.join(names)}" for what, names in found.items() if names)
        return f"Verified({self.digest}, {self.elements} elements{'; ' + text if text else ', all as planned'})"


class _Part(NamedTuple):
    """One rank's part of a parameter."""

    digest: _fanin.Digest
    content: bytes
    """Hash of the first values alone, wherever they stand; empty if they are the plan's, or all equal."""
    equal: bool
    """Whether they are the plan's; true where the plan keeps the parameter."""
    whole: int
    """Elements of the whole parameter."""


def verify(model: nn.Module, plan: Plan, group: Any = None) -> Verified:
    """Compares what all ranks of ``group`` hold with the plan, and with each other.

    Every rank makes the values that it should hold again and compares them bit for bit; between ranks only hashes are
    exchanged. Every rank gets the same answer.
    """
    mine = _parts(model, plan)
    gathered = [mine]
    if dist.is_available() and dist.is_initialized():
        gathered = [{} for _ in range(dist.get_world_size(group))]
        dist.all_gather_object(gathered, mine, group)
    return _judged(gathered)


def _parts(model: nn.Module, plan: Plan) -> dict[tuple[str, Any], _Part]:
    parts, seen = {}, set()
    for item in held(model):
        if not item.is_parameter or id(item.tensor) in seen:
            continue
        seen.add(id(item.tensor))
        here = checked(item.tensor, item.name, plan)
        if here.data.numel() == 0:
            continue
        data = here.data.cpu().contiguous()
        values, dtype = memory(data), name_of(data.dtype)
        digest = _fanin.Digest.of(values, item.name, dtype, list(here.shape), here.region)
        drawn = not plan.keeps(item.name)
        equal = not drawn or plan._core.is_same(item.name, values, dtype, here.region)
        whole = int(np.prod(here.shape, dtype=np.int64))
        # What the plan says may repeat (a pattern); what it does not say must not.
        content = b"" if drawn and equal else _content(data)
        parts[item.name, _frozen(here.region)] = _Part(digest, content, equal, whole)
    return parts


#: Elements that are compared between shards: random numbers that agree in so many agree by no accident, and uneven shards
#: agree in no more.
_COMPARED = 64


def _content(data: torch.Tensor) -> bytes:
    first = data.reshape(-1)[:_COMPARED]
    if first.numel() < 2 or bool((first == first[0]).all()):
        return b""
    return hashlib.blake2b(memory(first).data, digest_size=16).digest()


def _frozen(region: Any) -> Any:
    return tuple(tuple(dim) for dim in region) if isinstance(region, list) else region


def _judged(gathered: list[dict[tuple[str, Any], _Part]]) -> Verified:
    digests: dict[tuple[str, Any], _fanin.Digest] = {}
    contents: dict[str, dict[bytes, set[Any]]] = defaultdict(lambda: defaultdict(set))
    wholes: dict[str, int] = {}
    different, replicas = set(), set()
    for parts in gathered:
        for (name, region), part in parts.items():
            wholes[name] = part.whole
            if not part.equal:
                different.add(name)
            if digests.setdefault((name, region), part.digest) != part.digest:
                replicas.add(name)
            if part.content:
                contents[name][part.content].add(region)
    counts: dict[str, int] = defaultdict(int)
    total = _fanin.Digest()
    for (name, _), digest in digests.items():
        counts[name] += digest.count
        total = total + digest
    repeated = [name for name, hashes in contents.items() if any(len(regions) > 1 for regions in hashes.values())]
    missing = [name for name, whole in wholes.items() if counts[name] < whole]
    return Verified(str(total), total.count, sorted(different), sorted(replicas), sorted(repeated), sorted(missing))
