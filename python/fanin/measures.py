"""What is measured of the signals of one layer, on arrays of any framework, in the numbers that a report has."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _fanin
from .plan import Plan
from .report import Report, made

#: Where the slope of a bounded activation is 3 % from its end and less (Glorot & Bengio 2010, §3).
_FLAT = {"tanh": 2.092, "sigmoid": 3.476}
#: Samples whose products are compared.
_SAMPLES = 64
#: Samples at which a Jacobian is taken; outputs up to which it is whole, and random combinations of its rows beyond. They are the
#: program's.
JACOBIANS, _MOST_ROWS, _COMBINATIONS = 8, 128, 8


def forward(value: np.ndarray) -> dict[str, float]:
    """Moments of a layer's output, how alike two samples are, and how many directions they span."""
    data = np.asarray(value, np.float64)
    numbers = {"forward": float(np.square(data).mean()), "mean": float(data.mean()), "std": float(data.std())}
    rows = data.reshape(data.shape[0], -1)[:_SAMPLES] if data.ndim else data.reshape(1, 1)
    if len(rows) > 1 and math.isfinite(numbers["forward"]) and numbers["forward"] > 0:
        gram = rows @ rows.T / numbers["forward"]
        lengths = np.sqrt(np.diagonal(gram))
        live = lengths > 0
        cosines = gram[live][:, live] / (lengths[live, None] * lengths[None, live])
        count = len(cosines)
        if count > 1:
            numbers["cosine"] = float((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))
        values = np.sqrt(np.clip(np.linalg.eigvalsh(gram), 0.0, None))
        share = values / values.sum()
        share = share[share > 1e-12]
        numbers["rank"] = math.exp(float(-(share * np.log(share)).sum())) / max(min(len(rows), rows.shape[1]), 1)
    return numbers


def scale(name: str, value: np.ndarray, axis: int) -> list[dict[str, Any]]:
    """How large an input of real numbers is: its largest feature along ``axis``; nothing where it has no features."""
    data = np.asarray(value)
    if data.ndim < 2 or not np.issubdtype(data.dtype, np.floating) or not data.size or "mask" in name:
        return []
    others = tuple(dim for dim in range(data.ndim) if dim != axis % data.ndim)
    squares = np.square(data, dtype=np.float64).mean(axis=others)
    largest = float(np.sqrt(squares.max()))
    if not math.isfinite(largest):
        return []
    return [{"name": name, "features": len(squares), "feature": int(squares.argmax()), "largest": largest}]


def backward(gradient: np.ndarray, samples: int) -> dict[str, float]:
    """The second moment of the gradient of a layer's output, and its energy for each sample."""
    second = float(np.square(np.asarray(gradient, np.float64)).mean())
    return {"backward": second, "gradient_energy": second * gradient.size / max(samples, 1)}


def update_ratio(gradient: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Gradient over weight, each as the root of its mean square."""
    scale = float(np.square(np.asarray(weight, np.float64)).mean())
    second = float(np.square(np.asarray(gradient, np.float64)).mean())
    return {"update_ratio": math.sqrt(second / scale)} if scale > 0 else {}


def jacobian(pull: Callable[[np.ndarray], np.ndarray | None], shape: Sequence[int]) -> dict[str, Any] | None:
    """Singular values of ∂output/∂input, sample by sample: from every row for up to 128 outputs, and beyond from random
    combinations of rows, which give the mean of the squares without bias (M. Hutchinson 1990).

    :param pull: the gradient at the input for one at the output, ``[samples, …]`` both; ``None`` if the one does not depend on the
        other.
    :param shape: the output's.
    """
    samples, rows = int(shape[0]), math.prod(int(size) for size in shape[1:])
    if not samples or not rows:
        return None
    exact = rows <= _MOST_ROWS
    random = np.random.default_rng(0)
    seeds = np.eye(rows) if exact else random.standard_normal((_COMBINATIONS, samples, rows))
    found = [pull(np.broadcast_to(seed, (samples, rows)).reshape(shape).astype(np.float32)) for seed in seeds]
    if any(row is None or row.shape[:1] != (samples,) for row in found):
        return None
    # [samples, rows, columns]
    matrices = np.stack([np.asarray(row, np.float64).reshape(samples, -1) for row in found], axis=1)
    columns = matrices.shape[2]
    if not np.isfinite(matrices).all() or not columns:
        return None
    squares = np.square(matrices).sum() / samples / (1 if exact else len(seeds))
    spectrum: dict[str, float | None] = {"largest": None, "smallest": None}
    if exact:
        values = np.linalg.svd(matrices, compute_uv=False)
        mean = lambda end: float(np.exp(np.log(np.maximum(end, np.finfo(float).tiny)).mean()))
        spectrum = {"largest": mean(values[:, 0]), "smallest": mean(values[:, -1]) if values[:, -1].all() else 0.0}
    sizes = {"outputs": rows, "inputs": columns, "samples": samples, "exact": exact}
    return {**sizes, "mean_square": squares / min(rows, columns), **spectrum}


def activated(row: dict[str, Any], name: str, value: np.ndarray | None, positive: np.ndarray | None, axis: int) -> None:
    """What the activation that a layer meets makes of its output, for a row of numbers.

    :param value: what the activation reads, where that is the layer's output itself; ``None`` behind a normalization.
    :param positive: where what a rectifier reads is above 0, if that is known.
    :param axis: the dimension of the units.
    """
    numbers = row["numbers"]
    row["follows"] = name
    if value is not None:
        numbers["activated"] = numbers.get("forward", 0.0)
        if "cosine" in numbers:
            numbers["cosine_activated"] = numbers["cosine"]
        if name in _FLAT:
            numbers["saturated"] = float((np.abs(value) > _FLAT[name]).mean())
    if name in ("relu", "relu6") and positive is not None:
        others = tuple(dim for dim in range(positive.ndim) if dim != axis % positive.ndim)
        if others:
            numbers["dead"] = float((~positive.any(axis=others)).mean())


def finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers that are some."""
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


def report(
    measured: dict[str, Any],
    values: Sequence[tuple[str, np.ndarray]],
    plan: Plan | None,
    graph: Any = None,
    fed: Sequence[tuple[str, list[int], np.ndarray]] = (),
) -> Report:
    """The report of what was measured, judged as the program judges its own."""
    measured["values"] = "in memory" if plan is None else f"by plan {plan.id}"
    told = json.dumps(measured, allow_nan=False)
    return made(_fanin.report(told, list(values), None if plan is None else plan._core, graph, list(fed)))
