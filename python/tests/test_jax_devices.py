"""JAX on an accelerator: the values of the CPU, placed there."""

import pytest

jax = pytest.importorskip("jax")

import fanin
import fanin.jax
import jax.numpy as jnp
import numpy as np


def accelerators():
    try:
        return [device for device in jax.devices() if device.platform != "cpu"]
    except RuntimeError:
        return []


pytestmark = pytest.mark.skipif(not accelerators(), reason="no accelerator")


def test_initializers_have_the_values_of_the_cpu():
    key = jax.random.key(3)
    for made in (fanin.jax.he_normal(), fanin.jax.orthogonal(2.0), fanin.jax.method("he(fan=out)")):
        for dtype in (jnp.float32, jnp.bfloat16):
            there = made(key, (300, 200), dtype)
            compiled = jax.jit(lambda k, made=made, dtype=dtype: made(k, (300, 200), dtype))(key)
            with jax.default_device(jax.devices("cpu")[0]):
                here = made(key, (300, 200), dtype)
            assert there.device.platform != "cpu" and here.device.platform == "cpu"
            assert np.array_equal(np.asarray(there), np.asarray(here)) and np.array_equal(np.asarray(compiled), np.asarray(here))


def test_trees_have_the_values_of_the_cpu():
    tree = {"dense": {"kernel": jax.ShapeDtypeStruct((300, 200), jnp.float32), "bias": jax.ShapeDtypeStruct((200,), jnp.float32)}}
    plan = fanin.jax.plan(tree, seed=0)
    one, two = (jax.sharding.SingleDeviceSharding(device) for device in (jax.devices("cpu")[0], accelerators()[0]))
    here, there = fanin.jax.init(tree, one, plan), fanin.jax.init(tree, two, plan)
    assert there["dense"]["kernel"].device == accelerators()[0]
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(jax.tree.leaves(here), jax.tree.leaves(there), strict=True))
