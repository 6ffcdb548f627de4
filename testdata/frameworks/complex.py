"""What JAX and torch draw for complex dtypes: complex.json.

Needs jax, torch and numpy. Run it without arguments. A line has the root of the mean |w|² and of the mean |w|⁴ over n numbers,
their largest modulus, and the largest absolute value of a part.
"""

import json
import os

import make
import numpy as np

SHAPE = {"torch": ([300, 700], "oi"), "jax": ([700, 300], "io")}


def line(dialect, call, draw):
    w = np.concatenate([np.asarray(draw(seed)).ravel() for seed in range(5)]).astype(np.complex128)
    assert abs(w.mean()) < 5 * np.sqrt((abs(w) ** 2).mean() / w.size)
    square = abs(w) ** 2
    shape, dims = SHAPE[dialect]
    figures = {"n": w.size, "std": np.sqrt(square.mean()), "fourth": (square**2).mean() ** 0.25}
    most = {"modulus": abs(w).max(), "part": max(abs(w.real).max(), abs(w.imag).max())}
    return {"call": f"{dialect}:{call}", "shape": shape, "axes": make.axes(dims), **figures, **most}


def lines():
    import jax
    import jax.numpy as jnp
    import torch
    from jax.nn import initializers

    def jax_draw(kind):
        return lambda seed: kind(jax.random.PRNGKey(seed), tuple(SHAPE["jax"][0]), jnp.complex64)

    for name in ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform"]:
        yield line("jax", name, jax_draw(getattr(initializers, name)()))
    yield line("jax", "normal(stddev=0.5)", jax_draw(initializers.normal(0.5)))
    setting = initializers.variance_scaling(2.0, "fan_out", "normal")
    yield line("jax", "variance_scaling(scale=2, mode=fan_out, distribution=normal)", jax_draw(setting))

    def torch_draw(name, **arguments):
        def draw(seed):
            torch.manual_seed(seed)
            return getattr(torch.nn.init, name)(torch.empty(SHAPE["torch"][0], dtype=torch.complex64), **arguments)

        return draw

    for name in ["xavier_normal_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_", "normal_"]:
        yield line("torch", name, torch_draw(name))


if __name__ == "__main__":
    import jax
    import torch

    version = f"jax {jax.__version__}, torch {torch.__version__.split('+')[0]}"
    text = ",\n".join("  " + json.dumps(line) for line in lines())
    with open(os.path.join(make.FOLDER, "complex.json"), "w") as file:
        file.write(f'{{\n "version": {json.dumps(version)},\n "lines": [\n{text}\n ]\n}}\n')
