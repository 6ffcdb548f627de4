"""Values of tensors that cannot be written where they lie, on an accelerator or with gaps: made beside them, and copied."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from .layout import cut
from .tree import name_of

#: Bytes that are made together, unless a tensor that cannot be divided has more: enough for every core, and for a transfer to hide behind the next.
_TOGETHER = 1 << 26
#: Where each tensor begins among them, so that any element type and any width of the processor's registers is aligned.
_ALIGNED = 64

#: What makes values: a name, the bytes, the element type, the region.
Order = tuple[str, np.ndarray, str | None, Any]


class Far(NamedTuple):
    """A tensor to copy values to, and which ones."""

    name: str
    data: torch.Tensor
    region: Any
    whole: bool = True
    """Whether a part of it would cost more than its share."""

    def pieces(self) -> Iterator[Far]:
        """Parts that are no larger than what is made together, if it has such: blocks of rows."""
        rows = self.data.shape[0] if self.data.dim() else 1
        step = max(rows * _TOGETHER // max(self.data.nbytes, 1), 1)
        if self.whole or step >= rows:
            yield self
            return
        for start in range(0, rows, step):
            stop = min(start + step, rows)
            yield Far(self.name, self.data[start:stop], self._rows(start, stop))

    def _rows(self, start: int, stop: int) -> Any:
        """The region of some of the rows that are held."""
        if isinstance(self.region, tuple):
            return (self.region[0] + start, self.region[0] + stop)
        held = self.region or [[(0, size)] for size in self.data.shape]
        return [cut(held[0], start, stop), *held[1:]]


def fill(tensors: Iterable[Far], make: Callable[[list[Order]], None]) -> None:
    """Lets ``make`` write the values of many tensors beside them, and copies them.

    For tensors on CUDA the memory beside is pinned and the copies stand in the current stream, as any work on them does: the
    values of the next ones are made meanwhile.
    """
    for group in _groups(piece for tensor in tensors for piece in tensor.pieces()):
        starts, total = [], 0
        for far in group:
            starts.append(total)
            total += -(-far.data.nbytes // _ALIGNED) * _ALIGNED
        # The block is not given to anybody else before the copies out of it are over: torch's allocator sees to it.
        beside = torch.empty(total, dtype=torch.uint8, device="cpu", pin_memory=any(far.data.is_cuda for far in group))
        parts = [beside[start : start + far.data.nbytes] for start, far in zip(starts, group, strict=True)]
        make([(far.name, place(part), name_of(far.data.dtype), far.region) for far, part in zip(group, parts, strict=True)])
        with torch.no_grad():
            for far, part in zip(group, parts, strict=True):
                far.data.copy_(part.view(far.data.dtype).view(far.data.shape), non_blocking=True)


def _groups(tensors: Iterable[Far]) -> Iterator[list[Far]]:
    """Neighbours that are made together: of one device, and small enough."""
    group: list[Far] = []
    total = 0
    for far in tensors:
        if far.data.numel() == 0:
            continue
        if group and (total + far.data.nbytes > _TOGETHER or far.data.device != group[0].data.device):
            yield group
            group, total = [], 0
        group.append(far)
        total += far.data.nbytes
    if group:
        yield group


def is_near(data: torch.Tensor) -> bool:
    """Whether values can be written where the tensor lies."""
    return data.numel() > 0 and data.is_cpu and data.is_contiguous()


def place(data: torch.Tensor) -> np.ndarray:
    """The bytes of a contiguous tensor on the CPU by their address, which is the quickest way; for as long as it lives."""
    return np.frombuffer((ctypes.c_ubyte * data.nbytes).from_address(data.data_ptr()), np.uint8)  # type: ignore[call-overload]
