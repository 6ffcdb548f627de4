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


def pullback(function: Callable[[Any], Any], tensor: Any) -> tuple[Any, Callable[[Any], Any] | None]:
    """What a function makes of a tensor, and the gradient for the tensor of each gradient of that; none in a backend without."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        value, pull = jax.vjp(function, tensor)
        return value, lambda gradient: pull(gradient.astype(value.dtype))[0]
    if backend == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(tensor)
            value = function(tensor)
        return value, lambda gradient: tape.gradient(value, tensor, output_gradients=tensorflow.cast(gradient, value.dtype))
    if backend == "torch":
        import torch

        leaf = tensor.detach().requires_grad_()
        value = function(leaf)
        if not value.requires_grad:
            return value, lambda gradient: None
        return value, lambda gradient: torch.autograd.grad(value, leaf, gradient.to(value), retain_graph=True, allow_unused=True)[0]
    return function(tensor), None
