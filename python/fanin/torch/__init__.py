"""torch models: plans from the module tree, values in place, on one process or a thousand.

.. code-block:: python

    import fanin.torch
    with fanin.torch.skip_init():
        model = Model()                          # memory, but no values
    plan = fanin.torch.plan(model, seed=0)       # what every parameter gets, and why
    fanin.torch.init_(model, plan)               # the same bits on any device and any number of ranks

Sharded models (FSDP, HSDP, tensor parallel, ZeRO-3) are filled by the same call: every rank fills what it holds.
"""

from __future__ import annotations

from . import init
from .calibrate import lsuv_
from .export import export
from .fill import Filled, init_, init_shards_
from .fsdp import param_init_fn
from .plan import plan
from .signals import diagnose
from .skip import skip_init
from .verify import Verified, verify

__all__ = [
    "Filled",
    "Verified",
    "diagnose",
    "export",
    "init",
    "init_",
    "init_shards_",
    "lsuv_",
    "param_init_fn",
    "plan",
    "skip_init",
    "verify",
]
