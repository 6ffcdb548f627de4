"""Plans and values of trees of arrays: names are the paths in the tree."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ..errors import Refused, refused
from ..files import Rules, plan_tensors, told
from ..plan import Plan
from .initializers import boxes


def names(tree: Any, separator: str = "/") -> list[str]:
    """The names of the leaves, in the order of ``jax.tree.leaves``: ``params/Dense_0/kernel``."""
    return [name for name, _ in named(tree, separator)]


def named(tree: Any, separator: str = "/") -> list[tuple[str, Any]]:
    """The leaves with their names, in the order of ``jax.tree.leaves``."""
    return [(_name(path, separator), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]


def tensors(tree: Any) -> list[dict[str, Any]]:
    """What a plan is told of each leaf."""
    return [told(name, leaf.shape, np.dtype(leaf.dtype)) for name, leaf in named(tree)]


def _name(path: Any, separator: str) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=separator)


def plan(
    tree: Any,
    recipe: str | os.PathLike[str] = "auto",
    seed: int = 0,
    *,
    set: Rules = (),
    say: Rules = (),
    options: Mapping[str, Any] | Sequence[str] = (),
) -> Plan:
    """Decides what every leaf of a tree gets, and why.

    :param tree: arrays, or what ``jax.eval_shape`` gives: only names, shapes and element types are read. Roles and the
        meaning of dimensions follow from the names that Flax and Haiku give (``Dense_0/kernel`` is ``[in, out]``); what
        they do not tell, ``say`` does: ``{"params/mix": "role:weight axes:out,in"}``.
    """
    return plan_tensors(tensors(tree), "tree", recipe=recipe, seed=seed, set=set, say=say, options=options)


def init(tree: Any, shardings: Any, plan: Plan, *, kept: Any = None) -> Any:
    """A tree of arrays with the values of a plan, each made where its sharding puts it.

    No whole array is made, and nothing is communicated: each device's part is asked for alone, on the process that has the
    device. The values do not depend on the shardings.

    :param tree: what the plan was made for: arrays or abstract ones.
    :param shardings: a tree of shardings, one for all, or ``None`` for the default device.
    :param kept: a tree with the leaves that the plan keeps; without one they are zero.
    """
    leaves = named(tree)
    single = shardings is None or isinstance(shardings, jax.sharding.Sharding)
    placed = [shardings] * len(leaves) if single else jax.tree.leaves(shardings)
    if len(placed) != len(leaves):
        wrong = f"there are {len(placed)} shardings for {len(leaves)} arrays"
        raise refused("shardings", "init", wrong, "one for each, or one for all", "Give a tree of the same structure.")
    problems = [problem for name, leaf in leaves for problem in plan.misfits(name, leaf.shape, "init")]
    if problems:
        raise Refused.of(problems)
    held = [None] * len(leaves) if kept is None else jax.tree.leaves(kept)
    arrays = [_leaf(name, leaf, where, plan, own) for (name, leaf), where, own in zip(leaves, placed, held, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(tree), arrays)


def _leaf(name: str, leaf: Any, sharding: Any, plan: Plan, own: Any) -> Any:
    shape, kind = tuple(leaf.shape), np.dtype(leaf.dtype)
    keep = plan.keeps(name)
    if keep and own is not None:
        return own if sharding is None else jax.device_put(own, sharding)

    def part(index: Any) -> np.ndarray:
        region = boxes(index, shape)
        sizes = tuple(stop - start for ((start, stop),) in region)
        if keep:
            return np.zeros(sizes, kind)
        return plan.fill(name, np.empty(sizes, kind), region)

    sharding = sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.make_array_from_callback(shape, sharding, part)
