"""JAX: a tree of parameters, each made on the device that holds it."""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4")

import fanin.jax
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

# One parameter by a function of (key, shape, dtype).
kernel = fanin.jax.he_normal()(jax.random.key(0), (256, 512), jnp.bfloat16)

# A whole tree: names and shapes as `jax.eval_shape(model.init, key, x)` gives them, without memory.
shape = jax.ShapeDtypeStruct
tree = {
    "Embed_0": {"embedding": shape((1000, 64), jnp.float32)},
    "Dense_0": {"kernel": shape((64, 256), jnp.float32), "bias": shape((256,), jnp.float32)},
    "LayerNorm_0": {"scale": shape((256,), jnp.float32), "bias": shape((256,), jnp.float32)},
}
plan = fanin.jax.plan(tree, seed=0)
print(plan)

mesh = Mesh(np.array(jax.devices()), ("model",))
split = NamedSharding(mesh, PartitionSpec("model"))
params = fanin.jax.init(tree, split, plan)
print(jax.tree.map(lambda leaf: (leaf.shape, leaf.sharding.spec), params))
