"""JAX: initializers of ``(key, shape, dtype)``, and values of whole trees, sharded from the start.

.. code-block:: python

    import fanin.jax
    tree = jax.eval_shape(model.init, key, x)                    # names and shapes, no memory
    plan = fanin.jax.plan(tree, seed=0)
    params = fanin.jax.init(tree, shardings, plan)               # every device fills what it holds
"""

from __future__ import annotations

from . import initializers
from .initializers import *  # noqa: F403
from .signals import diagnose
from .tree import init, names, plan

__all__ = [*initializers.__all__, "diagnose", "init", "initializers", "names", "plan"]
