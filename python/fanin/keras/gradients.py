"""Gradients in whatever backend Keras has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras


def gradients(function: Callable[[Sequence[Any]], Any], tensors: Sequence[Any]) -> list[Any]:
    """The gradient of a number that is made of tensors, for each of them: ``None`` where the number does not depend on one,
    and everywhere in a backend without gradients."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return list(jax.grad(function)(list(tensors)))
    if backend == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape(watch_accessed_variables=False) as tape:
            for tensor in tensors:
                tape.watch(tensor)
            value = function(tensors)
        return [None if found is None else tensorflow.convert_to_tensor(found) for found in tape.gradient(value, list(tensors))]
    if backend == "torch":
        import torch

        leaves = [tensor.detach().requires_grad_() for tensor in tensors]
        return list(torch.autograd.grad(function(leaves), leaves, allow_unused=True))
    return [None] * len(tensors)
