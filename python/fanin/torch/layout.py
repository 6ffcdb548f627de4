"""Which elements of a tensor this process holds: the one place that knows how torch lays out shards."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from ..errors import refused

Ranges = list[tuple[int, int]]


class Local(NamedTuple):
    """What a process holds of a tensor."""

    shape: tuple[int, ...]
    """The shape of the whole tensor."""
    region: Any
    """The elements held: ``None`` for all, a flat range, or a list of ranges for each dimension."""
    data: torch.Tensor
    """Their values."""


def local(tensor: torch.Tensor, name: str) -> Local:
    """What this process holds of a plain tensor, a DTensor, or a parameter that ZeRO-3 has partitioned.

    :raises fanin.Refused: for tensors without memory (meta), and for layouts that are not understood.
    """
    if hasattr(tensor, "ds_tensor"):
        return _zero(tensor, name)
    if hasattr(tensor, "placements"):
        held = tensor.to_local()  # type: ignore[attr-defined]
        found = Local(tuple(tensor.shape), _dtensor(tensor, name), held.detach())
    else:
        found = Local(tuple(tensor.shape), None, tensor.detach())
    if found.data.is_meta:
        remedy = 'Call `model.to_empty(device="cuda")` first (any device), then `init_`.'
        raise refused(name, "init_", "it is on `meta`: it has a shape but no memory", "a tensor with memory", remedy)
    if found.data.layout != torch.strided:
        remedy = "Plan it with `set={NAME: \"keep\"}`, or make it dense."
        raise refused(name, "init_", f"its layout is {found.data.layout}", "a dense tensor", remedy)
    size = sizes(found)
    if size != tuple(found.data.shape):
        wrong = f"its layout says {size}, and it holds {tuple(found.data.shape)}"
        raise refused(name, "init_", wrong, "a layout that is understood", "Report the placements with your torch version.")
    return found


def sizes(held: Local) -> tuple[int, ...]:
    """The shape of what is held."""
    if held.region is None:
        return held.shape
    if isinstance(held.region, tuple):
        return (held.region[1] - held.region[0],)
    return tuple(sum(stop - start for start, stop in dim) for dim in held.region)


def _dtensor(tensor: Any, name: str) -> list[Ranges]:
    """Index ranges for each dimension. With strided sharding a rank's part is no box, so offsets would not do."""
    dims: list[Ranges] = [[(0, size)] for size in tensor.shape]
    mesh = tensor.device_mesh
    coordinate = mesh.get_coordinate()
    if coordinate is None:
        return [[] for _ in dims]
    # From left to right, as DTensor defines it: each mesh dimension cuts what the ones before it left.
    for at, placement in enumerate(tensor.placements):
        if placement.is_replicate():
            continue
        if placement.is_partial() or not hasattr(placement, "dim"):
            wrong = f"one of its placements is {placement}"
            remedy = "Initialize before the computation that leaves it partial."
            raise refused(name, "init_", wrong, "shards or replicas", remedy)
        dim = placement.dim % tensor.ndim
        mine: Ranges = []
        for block in _chunks(dims[dim], getattr(placement, "split_factor", 1)):
            pieces = _chunks(block, mesh.size(at))
            mine += pieces[coordinate[at]] if coordinate[at] < len(pieces) else []
        dims[dim] = mine
    return dims


def _chunks(ranges: Ranges, count: int) -> list[Ranges]:
    """``torch.chunk`` of the indices in these ranges."""
    total = sum(stop - start for start, stop in ranges)
    size = -(-total // count) or 1
    return [cut(ranges, start, min(start + size, total)) for start in range(0, total, size)]


def cut(ranges: Ranges, start: int, stop: int) -> Ranges:
    """The indices from number ``start`` to number ``stop`` of those in these ranges."""
    found, seen = [], 0
    for low, high in ranges:
        first, last = max(start - seen, 0), min(stop - seen, high - low)
        if first < last:
            found.append((low + first, low + last))
        seen += high - low
    return found


def _zero(tensor: Any, name: str) -> Local:
    """DeepSpeed's ZeRO-3: the rank-th flat piece of equal pieces, the last one padded."""
    piece, total = tensor.ds_tensor, int(tensor.ds_numel)
    if getattr(tensor, "ds_secondary_tensor", None) is not None:
        wrong = "it has a secondary partition (hpZ)"
        raise refused(name, "init_", wrong, "one partition", "Initialize before the secondary partition is made.")
    group = getattr(tensor, "ds_process_group", None)
    rank = torch.distributed.get_rank(group) if torch.distributed.is_initialized() else 0
    start = min(rank * piece.numel(), total)
    stop = min(start + piece.numel(), total)
    return Local(tuple(tensor.ds_shape), (start, stop), piece.detach().view(-1)[: stop - start])
