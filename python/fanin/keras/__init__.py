"""Keras 3: initializers of Keras' names and laws, and plans and values of whole models.

.. code-block:: python

    import fanin.keras
    plan = fanin.keras.plan(model, seed=0)     # a built model: what every variable gets, and why
    fanin.keras.init_(model, plan)

    layer = keras.layers.Dense(10, kernel_initializer=fanin.keras.HeNormal(seed=7))
"""

from __future__ import annotations

from . import initializers
from .initializers import *  # noqa: F403
from .model import init_, plan
from .signals import diagnose

__all__ = [*initializers.__all__, "diagnose", "init_", "initializers", "plan"]
