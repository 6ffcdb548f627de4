"""Measures initializers that are no framework's layers: TensorFlow 1's, timm's and transformers'. Writes tf1.json, timm.json
and hf.json, in the form of make.py's files.

Needs tensorflow, timm, transformers and torch. Run it as `others.py tf1` and `others.py timm hf`: TensorFlow and torch do not
live in one process.
"""

import sys

import make
import numpy as np

SOME_LAST, SOME = ["dense wide", "conv"], ["linear wide", "conv"]


def tf1_file():
    import tensorflow as tf
    from tensorflow.python.ops import init_ops

    def of(kind, **arguments):
        def draw(shape, seed):
            tf.random.set_seed(seed)
            return np.asarray(kind(seed=seed, **arguments)(shape, dtype=tf.float32))

        return draw

    def plain(kind, **arguments):
        return lambda shape, seed: np.asarray(kind(**arguments)(shape, dtype=tf.float32))

    v1 = tf.compat.v1
    orthogonal = {"orthogonal_initializer": (of(v1.orthogonal_initializer), make.MATRIX + make.KERNEL)}
    table = {
        "zeros_initializer": (plain(v1.zeros_initializer), SOME_LAST),
        "ones_initializer": (plain(v1.ones_initializer), SOME_LAST),
        "constant_initializer(value=0.5)": (plain(v1.constant_initializer, value=0.5), SOME_LAST),
        "random_uniform_initializer": (of(v1.random_uniform_initializer), SOME_LAST),
        "random_uniform_initializer(minval=-2, maxval=1)": (of(v1.random_uniform_initializer, minval=-2.0, maxval=1.0), SOME_LAST),
        "random_normal_initializer": (of(v1.random_normal_initializer), SOME_LAST),
        "random_normal_initializer(mean=1, stddev=0.5)": (of(v1.random_normal_initializer, mean=1.0, stddev=0.5), SOME_LAST),
        "truncated_normal_initializer": (of(v1.truncated_normal_initializer), SOME_LAST),
        "truncated_normal_initializer(stddev=0.2)": (of(v1.truncated_normal_initializer, stddev=0.2), SOME_LAST),
        "uniform_unit_scaling_initializer": (of(v1.uniform_unit_scaling_initializer), SOME_LAST),
        "uniform_unit_scaling_initializer(factor=1.43)": (of(v1.uniform_unit_scaling_initializer, factor=1.43), SOME_LAST),
        "variance_scaling_initializer": (of(v1.variance_scaling_initializer), SOME_LAST),
        "variance_scaling_initializer(scale=2, mode=fan_out, distribution=normal)": (
            of(v1.variance_scaling_initializer, scale=2.0, mode="fan_out", distribution="normal"),
            SOME_LAST,
        ),
        "variance_scaling_initializer(mode=fan_avg, distribution=untruncated_normal)": (
            of(v1.variance_scaling_initializer, mode="fan_avg", distribution="untruncated_normal"),
            SOME_LAST,
        ),
        "glorot_uniform_initializer": (of(v1.glorot_uniform_initializer), SOME_LAST),
        "glorot_normal_initializer": (of(v1.glorot_normal_initializer), SOME_LAST),
        "he_normal": (lambda shape, seed: np.asarray(v1.initializers.he_normal(seed=seed)(shape, dtype=tf.float32)), SOME_LAST),
        "he_uniform": (lambda shape, seed: np.asarray(v1.initializers.he_uniform(seed=seed)(shape, dtype=tf.float32)), SOME_LAST),
        "lecun_normal": (lambda shape, seed: np.asarray(v1.initializers.lecun_normal(seed=seed)(shape, dtype=tf.float32)), SOME_LAST),
        "lecun_uniform": (lambda shape, seed: np.asarray(v1.initializers.lecun_uniform(seed=seed)(shape, dtype=tf.float32)), SOME_LAST),
        **orthogonal,
        "convolutional_delta_orthogonal": (of(init_ops.ConvolutionDeltaOrthogonal), ["conv", "conv1d"]),
    }
    lines = make.spellings("tf1", table, make.LAST_SHAPES)
    # Their moments are nearly free of chance, and each takes a while.
    make.WANTED, wanted = 40_000, make.WANTED
    small = {"line": ([3, 8, 12], make.axes("fio"), "weight")}
    lines += make.spellings("tf1", {"convolutional_orthogonal_1d": (of(init_ops.ConvolutionOrthogonal1D), None)}, small)
    small = {"plane": ([2, 2, 8, 12], make.axes("ffio"), "weight")}
    lines += make.spellings("tf1", {"convolutional_orthogonal_2d": (of(init_ops.ConvolutionOrthogonal2D), None)}, small)
    make.WANTED = wanted
    small = {"wide": ([3, 5], make.axes("io"), "weight"), "tall": ([5, 3], make.axes("io"), "weight")}
    make.EXACT.add("identity_initializer")
    lines += make.spellings("tf1", {"identity_initializer(gain=2)": (plain(v1.initializers.identity, gain=2.0), None)}, small)
    return {"version": f"tensorflow {tf.__version__}", "spellings": lines, "models": []}


def torch_like(module, dialect, version, functions):
    import torch

    def of(name, **arguments):
        def draw(shape, seed):
            torch.manual_seed(seed)
            tensor = torch.empty(shape)
            getattr(module, name)(tensor, **arguments)
            return tensor.numpy()

        return draw

    table = {}
    for name, settings, places in functions:
        for setting in settings:
            words = ", ".join(f"{key}={value}" for key, value in setting.items())
            table[f"{name}({words})" if words else name] = (of(name, **setting), places)
    return {"version": version, "spellings": make.spellings(dialect, table, make.TORCH_SHAPES), "models": []}


def timm_file():
    import timm
    from timm.layers import weight_init

    normal = {"mode": "fan_out", "distribution": "normal", "scale": 2.0}
    functions = [
        ("trunc_normal_", [{}, {"std": 0.02}, {"std": 0.5, "a": -0.5, "b": 1.0}], SOME),
        ("trunc_normal_tf_", [{}, {"std": 0.02}, {"mean": 0.5, "std": 0.1}], SOME),
        ("variance_scaling_", [{}, normal, {"distribution": "truncated_normal"}, {"distribution": "uniform"}], SOME),
        ("lecun_normal_", [{}], SOME + ["grouped"]),
    ]
    return torch_like(weight_init, "timm", f"timm {timm.__version__}", functions)


def hf_file():
    import transformers
    from transformers import initialization

    tanh = {"mode": "fan_out", "nonlinearity": "tanh"}
    functions = [
        ("zeros_", [{}], SOME),
        ("ones_", [{}], SOME),
        ("constant_", [{"val": 0.5}], SOME),
        ("uniform_", [{}, {"a": -0.5, "b": 0.1}], SOME),
        ("normal_", [{}, {"mean": 0.5, "std": 0.02}], SOME),
        ("trunc_normal_", [{}, {"std": 0.5, "a": -0.5, "b": 1.0}], SOME),
        ("xavier_uniform_", [{}, {"gain": 2.0}], SOME),
        ("xavier_normal_", [{}], SOME),
        ("kaiming_uniform_", [{}, {"a": 0.5}], SOME),
        ("kaiming_normal_", [{}, tanh], SOME),
        ("lecun_normal_", [{}], SOME),
        ("orthogonal_", [{}], SOME),
        ("sparse_", [{"sparsity": 0.3}], ["linear wide"]),
    ]
    version = f"transformers {transformers.__version__}"
    content = torch_like(initialization, "hf", version, functions)
    small = {"wide": ([3, 5], make.axes("oi"), "weight"), "odd": ([6, 4, 3, 3], make.axes("oiff"), "weight")}
    make.TORCH_SHAPES = small
    for name, places in [("eye_", ["wide"]), ("dirac_", ["odd"])]:
        content["spellings"] += torch_like(initialization, "hf", version, [(name, [{}], places)])["spellings"]
    return content


if __name__ == "__main__":
    files = {"tf1": tf1_file, "timm": timm_file, "hf": hf_file}
    for name in sys.argv[1:] or files:
        make.write(name, files[name]())
