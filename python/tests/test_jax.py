"""JAX: initializers against JAX's own, pure in the key, and trees of any sharding."""

import os

import pytest

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
jax = pytest.importorskip("jax")

import fanin
import fanin.jax
import jax.numpy as jnp
import numpy as np
from jax.nn import initializers as theirs
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sampling import BOUND, differs

CASES = [
    ("uniform", (0.7,), (600, 500)),
    ("normal", (0.3,), (600, 500)),
    ("truncated_normal", (0.3,), (600, 500)),
    ("variance_scaling", (2.5, "fan_geo_avg", "normal"), (900, 300)),
    ("variance_scaling", (1.0, "fan_in", "truncated_normal", (0, 1), (2,)), (30, 20, 500)),
    ("glorot_uniform", (), (900, 300)),
    ("glorot_normal", (), (5, 5, 90, 120)),
    ("lecun_uniform", (), (900, 300)),
    ("lecun_normal", (-2, -1, 0), (8, 200, 150)),
    ("he_uniform", (-1, -2), (900, 300)),
    ("he_normal", (), (900, 300)),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
def test_laws_are_jaxs(name, arguments, shape):
    key = jax.random.key(3)
    one, other = (np.asarray(getattr(module, name)(*arguments)(key, shape)) for module in (theirs, fanin.jax))
    assert differs(one, other) < BOUND
    assert differs(one, other * 1.05) > BOUND, "a law 5 % off would be seen"


def test_orthogonal_and_delta_orthogonal():
    key = jax.random.key(0)
    for shape, column in [((40, 30), -1), ((30, 40), -1), ((4, 5, 12), 1)]:
        made = np.moveaxis(np.asarray(fanin.jax.orthogonal(2.0, column)(key, shape)), column, -1)
        flat = made.reshape(-1, made.shape[-1])
        gram = flat.T @ flat if flat.shape[0] >= flat.shape[1] else flat @ flat.T
        assert np.allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)
    made = np.asarray(fanin.jax.delta_orthogonal()(key, (3, 3, 4, 6)))
    assert np.count_nonzero(made.any((2, 3))) == 1 and np.allclose(made[1, 1] @ made[1, 1].T, np.eye(4), atol=1e-5)


def test_values_are_a_function_of_the_key():
    made = fanin.jax.he_normal()
    one, other = jax.random.key(1), jax.random.key(2)
    plain = made(one, (40, 30))
    assert jnp.array_equal(made(one, (40, 30)), plain) and not jnp.array_equal(made(other, (40, 30)), plain)
    assert jnp.array_equal(made(jax.random.PRNGKey(1), (40, 30)), plain)
    assert jnp.array_equal(jax.jit(lambda k: made(k, (40, 30)))(one), plain)
    keys = jax.random.split(one, 3)
    assert jnp.array_equal(jax.vmap(lambda k: made(k, (4, 3)))(keys)[2], made(keys[2], (4, 3)))
    assert made(one, (4, 3), jnp.bfloat16).dtype == jnp.bfloat16
    assert jnp.array_equal(made(one, (40, 30), jnp.bfloat16), plain.astype(jnp.bfloat16))
    both = made(one, (400, 300), jnp.complex64)
    assert both.dtype == jnp.complex64 and float(jnp.mean(jnp.abs(both) ** 2)) == pytest.approx(2 / 400, rel=0.03)
    plain = fanin.jax.normal(0.5)(one, (300, 300), jnp.complex64)
    assert float(jnp.mean(jnp.abs(plain) ** 2)) == pytest.approx(0.25, rel=0.03)
    scaled = fanin.jax.variance_scaling(4.0, "fan_in", "normal", in_axis=[], out_axis=[])
    assert scaled(one, ()).shape == () and float(scaled(one, (40_000,)).std()) == pytest.approx(0.01, rel=0.03)
    with pytest.raises(ValueError, match="two dimensions"):
        made(one, (3,))
    with pytest.raises(fanin.Refused, match="no random numbers"):
        made(one, (3, 3), jnp.int32)


def tree():
    leaf = jax.ShapeDtypeStruct
    dense = {"kernel": leaf((16, 24), jnp.float32), "bias": leaf((24,), jnp.float32)}
    conv = {"kernel": leaf((3, 3, 8, 16), jnp.bfloat16)}
    return {"params": {"Dense_0": dense, "Conv_0": conv, "norm": {"scale": leaf((24,), jnp.float32)}}}


def test_trees_have_the_same_values_under_any_sharding():
    plan = fanin.jax.plan(tree(), seed=4, set={"params/Dense_0/kernel": "orthogonal"})
    assert plan["params/Dense_0/kernel"].fan_in == 16 and plan["params/Conv_0/kernel"].fan_in == 72
    assert plan["params/norm/scale"].role == "scale" and list(plan) == fanin.jax.names(tree())
    assert len(jax.devices()) == 8
    plain = fanin.jax.init(tree(), None, plan)
    mesh = Mesh(np.array(jax.devices()).reshape(2, 4), ("a", "b"))
    digests = {digest(plain)}
    for spec in [(), ("a",), ("b",), ("a", "b"), (None, "b"), (("a", "b"),), (None, ("a", "b"))]:
        where = lambda leaf, spec=spec: NamedSharding(mesh, PartitionSpec(*spec[: len(leaf.shape)]))
        fits = lambda leaf, spec=spec: leaf.ndim >= 2 and len(leaf.shape) == 2
        shardings = jax.tree.map(lambda leaf: where(leaf) if fits(leaf) else NamedSharding(mesh, PartitionSpec()), tree())
        made = fanin.jax.init(tree(), shardings, plan)
        assert made["params"]["Dense_0"]["kernel"].sharding.spec == PartitionSpec(*spec)
        digests.add(digest(made))
    assert len(digests) == 1
    assert np.array_equal(np.asarray(plain["params"]["Dense_0"]["kernel"]), plan.fill("params/Dense_0/kernel", np.empty((16, 24), np.float32)))
    with pytest.raises(fanin.Refused, match="shardings"):
        fanin.jax.init(tree(), [None], plan)
    with pytest.raises(fanin.Refused, match="plan"):
        fanin.jax.init({"x": jax.ShapeDtypeStruct((2, 2), jnp.float32)}, None, plan)


def digest(made):
    from fanin.arrays import bytes_of, dtype_name

    total = fanin.Digest()
    for name, leaf in zip(fanin.jax.names(made), jax.tree.leaves(made), strict=True):
        array = np.asarray(leaf)
        total = total + fanin.Digest.of(bytes_of(array), name, dtype_name(array.dtype), list(array.shape))
    return str(total)
