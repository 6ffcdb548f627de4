"""Measures what the initializers and the layers of torch, Keras and JAX draw: torch.json, keras.json, jax.json.

Needs torch, keras, jax, flax and numpy. Run it without arguments; the versions that were measured are in the files.

Each file has "spellings" (one initializer on one shape) and "models" (every parameter of a fresh model). A record gives
the number n of values that were drawn, their mean, standard deviation, smallest and largest value and share of zeros;
"axes" are what the dimensions mean, in the form that a plan has them.
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np

WANTED = 1_000_000


def record(draw, least=WANTED, most=4000):
    """Statistics of draw(seed), an array, over as many seeds as it takes."""
    n, total, square, low, high, zeros, seed = 0, 0.0, 0.0, np.inf, -np.inf, 0, 0
    while n < least and seed < most:
        values = np.asarray(draw(seed), dtype=np.float64)
        n += values.size
        total += values.sum()
        square += (values * values).sum()
        low, high = min(low, values.min()), max(high, values.max())
        zeros += int((values == 0).sum())
        seed += 1
    mean = total / n
    std = max(square / n - mean * mean, 0.0) ** 0.5
    return {"n": n, "mean": mean, "std": std, "min": low, "max": high, "zeros": zeros / n}


def axes(dims, groups=1, transposed=False):
    names = {"i": "in", "o": "out", "f": "field", "s": "stack"}
    found = {"dims": [names[d] for d in dims]}
    if groups > 1:
        found["groups"] = groups
    if transposed:
        found["transposed"] = True
    return found


# shape, axes, role
TORCH_SHAPES = {
    "linear wide": ([64, 256], axes("oi"), "weight"),
    "linear tall": ([256, 64], axes("oi"), "weight"),
    "conv": ([32, 16, 3, 3], axes("oiff"), "weight"),
    "conv1d": ([48, 16, 5], axes("oif"), "weight"),
    "conv3d": ([16, 8, 3, 3, 3], axes("oifff"), "weight"),
    "grouped": ([32, 4, 3, 3], axes("oiff", 4), "weight"),
    "depthwise": ([64, 1, 3, 3], axes("oiff", 64), "weight"),
    "transposed": ([32, 16, 4, 4], axes("ioff", 1, True), "weight"),
    "experts": ([4, 64, 32], axes("soi"), "weight"),
    "embedding": ([1000, 64], axes("io"), "embedding"),
}
# Keras and JAX keep inputs and outputs last.
LAST_SHAPES = {
    "dense wide": ([256, 64], axes("io"), "weight"),
    "dense tall": ([64, 256], axes("io"), "weight"),
    "conv": ([3, 3, 16, 32], axes("ffio"), "weight"),
    "conv1d": ([5, 16, 48], axes("fio"), "weight"),
    "conv3d": ([3, 3, 3, 8, 16], axes("fffio"), "weight"),
    "grouped": ([3, 3, 4, 32], axes("ffio", 4), "weight"),
    "depthwise": ([3, 3, 64, 1], axes("ffio", 64, True), "weight"),
    "transposed": ([4, 4, 16, 32], axes("ffoi", 1, True), "weight"),
    "experts": ([4, 32, 64], axes("sio"), "weight"),
    "embedding": ([1000, 64], axes("io"), "embedding"),
}
MATRIX, KERNEL = ["linear wide", "linear tall", "dense wide", "dense tall"], ["conv", "conv1d", "conv3d"]
STACKS = ["experts"]


def spellings(dialect, table, shapes):
    """table: call -> (function of (shape, seed), names of the shapes or None for all)"""
    lines = []
    for call, (draw, names) in table.items():
        for name, (shape, meaning, role) in shapes.items():
            if names is not None and name not in names:
                continue
            exact = call.split("(")[0].split(":")[-1] in EXACT
            measured = record(lambda seed: draw(shape, seed), least=1 if exact else WANTED)
            line = {"call": f"{dialect}:{call}", "on": name, "shape": shape, "axes": meaning, "role": role, **measured}
            if exact:
                line["values"] = np.asarray(draw(shape, 0), dtype=np.float64).ravel().tolist()
            lines.append(line)
    return lines


# Initializers without random numbers: their values are recorded one by one, on small shapes.
EXACT = {"eye_", "dirac_", "identity", "IdentityInitializer", "Identity"}


def models(build, name, seeds=40):
    """build(seed) -> [(name, array)]; statistics of every parameter over the seeds."""
    first = build(0)
    held = [[np.asarray(value, dtype=np.float64)] for _, value in first]
    for seed in range(1, seeds):
        for values, (_, value) in zip(held, build(seed)):
            values.append(np.asarray(value, dtype=np.float64))
    lines = []
    for (path, value), values in zip(first, held):
        statistics = record(lambda seed: values[seed], least=10**9, most=len(values))
        lines.append({"name": path, "shape": list(value.shape), "dtype": str(value.dtype).replace("torch.", ""), **statistics})
    return {"name": name, "params": lines}


def torch_file():
    import torch
    from torch import nn

    init = nn.init

    def of(function, **arguments):
        def draw(shape, seed):
            torch.manual_seed(seed)
            tensor = torch.empty(shape)
            function(tensor, **arguments)
            return tensor.numpy()

        return draw

    some = ["linear wide", "conv"]
    table = {
        "zeros_": (of(init.zeros_), some),
        "ones_": (of(init.ones_), some),
        "constant_(val=-0.25)": (of(init.constant_, val=-0.25), some),
        "uniform_": (of(init.uniform_), some),
        "uniform_(a=-0.1, b=0.3)": (of(init.uniform_, a=-0.1, b=0.3), some),
        "normal_": (of(init.normal_), some),
        "normal_(mean=0.5, std=0.02)": (of(init.normal_, mean=0.5, std=0.02), some),
        "trunc_normal_": (of(init.trunc_normal_), some),
        "trunc_normal_(std=0.02)": (of(init.trunc_normal_, std=0.02), some),
        "trunc_normal_(mean=0.5, std=2, a=-1, b=3)": (of(init.trunc_normal_, mean=0.5, std=2, a=-1, b=3), some),
        "xavier_normal_": (of(init.xavier_normal_), None),
        "xavier_normal_(gain=2)": (of(init.xavier_normal_, gain=2), some),
        "xavier_uniform_": (of(init.xavier_uniform_), None),
        "xavier_uniform_(gain=0.5)": (of(init.xavier_uniform_, gain=0.5), some),
        "kaiming_normal_": (of(init.kaiming_normal_), None),
        "kaiming_uniform_": (of(init.kaiming_uniform_), None),
        "kaiming_normal_(mode=fan_out, nonlinearity=relu)": (of(init.kaiming_normal_, mode="fan_out", nonlinearity="relu"), None),
        "kaiming_uniform_(mode=fan_out)": (of(init.kaiming_uniform_, mode="fan_out"), None),
        "kaiming_uniform_(a=2.23606797749979)": (of(init.kaiming_uniform_, a=5**0.5), None),
        "kaiming_normal_(a=0.2)": (of(init.kaiming_normal_, a=0.2), some),
        "kaiming_normal_(a=0.5, nonlinearity=relu)": (of(init.kaiming_normal_, a=0.5, nonlinearity="relu"), some),
        "orthogonal_": (of(init.orthogonal_), MATRIX + KERNEL),
        "orthogonal_(gain=1.5)": (of(init.orthogonal_, gain=1.5), some),
        "sparse_(sparsity=0.3)": (of(init.sparse_, sparsity=0.3), MATRIX),
        "sparse_(sparsity=0.9, std=0.5)": (of(init.sparse_, sparsity=0.9, std=0.5), MATRIX),
        **{
            f"kaiming_normal_(nonlinearity={name})": (of(init.kaiming_normal_, nonlinearity=name), ["linear wide"])
            for name in ["linear", "sigmoid", "tanh", "selu"]
        },
    }
    lines = spellings("torch", table, TORCH_SHAPES)
    small = {
        "wide": ([3, 5], axes("oi"), "weight"),
        "tall": ([5, 3], axes("oi"), "weight"),
    }
    lines += spellings("torch", {"eye_": (of(init.eye_), None)}, small)
    kernels = {
        "odd": ([6, 4, 3, 3], axes("oiff"), "weight"),
        "even": ([4, 6, 4], axes("oif"), "weight"),
        "volume": ([4, 4, 2, 3, 2], axes("oifff"), "weight"),
    }
    dirac = {"dirac_": (of(init.dirac_), None), "dirac_(groups=2)": (of(init.dirac_, groups=2), None)}
    lines += spellings("torch", dirac, kernels)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3)
            self.bn = nn.BatchNorm2d(16)
            self.grouped = nn.Conv2d(16, 32, 3, groups=4)
            self.depthwise = nn.Conv2d(32, 32, 3, groups=32)
            self.act = nn.PReLU()
            self.up = nn.ConvTranspose2d(32, 24, 4, stride=2)
            self.up_grouped = nn.ConvTranspose2d(24, 16, 2, stride=2, groups=2)
            self.conv1d = nn.Conv1d(16, 20, 5, bias=False)
            self.norm = nn.LayerNorm(20)
            self.features = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, 12))

    class Text(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(100, 24)
            self.lstm = nn.LSTM(24, 32, num_layers=2, bidirectional=True)
            self.gru = nn.GRU(64, 16)
            self.rnn = nn.RNN(16, 12)
            self.cell = nn.LSTMCell(12, 20)
            self.projected = nn.LSTM(12, 32, proj_size=8)
            self.attention = nn.MultiheadAttention(24, 4)
            self.other = nn.MultiheadAttention(24, 4, kdim=16, vdim=12)
            self.norm = nn.LayerNorm(24)
            self.head = nn.Linear(24, 100)

    def fresh(kind):
        def build(seed):
            torch.manual_seed(seed)
            return list(kind().state_dict().items())

        return build

    return {
        "version": f"torch {torch.__version__.split('+')[0]}",
        "spellings": lines,
        "models": [models(fresh(Net), "pictures", 700), models(fresh(Text), "text", 700)],
    }


def keras_file():
    import keras

    init = keras.initializers

    def of(kind, **arguments):
        return lambda shape, seed: np.asarray(kind(seed=seed, **arguments)(shape, dtype="float32"))

    def plain(kind, **arguments):
        return lambda shape, seed: np.asarray(kind(**arguments)(shape, dtype="float32"))

    some = ["dense wide", "conv"]
    table = {
        "zeros": (plain(init.Zeros), some),
        "ones": (plain(init.Ones), some),
        "constant(value=0.5)": (plain(init.Constant, value=0.5), some),
        "random_uniform": (of(init.RandomUniform), some),
        "random_uniform(minval=0, maxval=0.2)": (of(init.RandomUniform, minval=0.0, maxval=0.2), some),
        "random_normal": (of(init.RandomNormal), some),
        "RandomNormal(mean=1, stddev=0.3)": (of(init.RandomNormal, mean=1.0, stddev=0.3), some),
        "truncated_normal": (of(init.TruncatedNormal), some),
        "truncated_normal(mean=0.5, stddev=0.2)": (of(init.TruncatedNormal, mean=0.5, stddev=0.2), some),
        "glorot_normal": (of(init.GlorotNormal), None),
        "glorot_uniform": (of(init.GlorotUniform), None),
        "he_normal": (of(init.HeNormal), None),
        "he_uniform": (of(init.HeUniform), None),
        "lecun_normal": (of(init.LecunNormal), None),
        "lecun_uniform": (of(init.LecunUniform), None),
        "orthogonal": (of(init.Orthogonal), MATRIX + KERNEL),
        "orthogonal(gain=0.5)": (of(init.Orthogonal, gain=0.5), some),
        "VarianceScaling": (of(init.VarianceScaling), None),
        "VarianceScaling(scale=2, mode=fan_out, distribution=normal)": (
            of(init.VarianceScaling, scale=2.0, mode="fan_out", distribution="normal"),
            None,
        ),
        "VarianceScaling(scale=2, mode=fan_avg, distribution=untruncated_normal)": (
            of(init.VarianceScaling, scale=2.0, mode="fan_avg", distribution="untruncated_normal"),
            some,
        ),
        "VarianceScaling(mode=fan_out, distribution=uniform)": (
            of(init.VarianceScaling, mode="fan_out", distribution="uniform"),
            some,
        ),
        "VarianceScaling(distribution=truncated_normal)": (of(init.VarianceScaling, distribution="truncated_normal"), some),
    }
    lines = spellings("keras", table, LAST_SHAPES)
    small = {"wide": ([3, 5], axes("io"), "weight"), "tall": ([5, 3], axes("io"), "weight")}
    eye = {"identity": (plain(init.Identity), None), "identity(gain=2)": (plain(init.Identity, gain=2.0), None)}
    lines += spellings("keras", eye, small)

    from keras import layers

    def pictures():
        return keras.Sequential(
            [
                layers.Input((16, 16, 3)),
                layers.Conv2D(16, 3, padding="same"),
                layers.BatchNormalization(),
                layers.DepthwiseConv2D(3, use_bias=False),
                layers.DepthwiseConv2D(3, depth_multiplier=2),
                layers.SeparableConv2D(24, 3),
                layers.PReLU(),
                layers.Conv2D(32, 3, groups=4),
                layers.Conv2DTranspose(20, 4, strides=2),
                layers.GroupNormalization(4),
                layers.GlobalAveragePooling2D(),
                layers.Dense(48, activation="relu"),
                layers.Dense(10),
            ]
        )

    def text():
        tokens = layers.Input((12,))
        x = layers.Embedding(200, 24)(tokens)
        x = layers.Bidirectional(layers.LSTM(16, return_sequences=True))(x)
        x = x + layers.MultiHeadAttention(4, 8)(x, x)
        x = layers.LayerNormalization()(x)
        x = layers.Conv1D(20, 3)(x)
        x = layers.GRU(12)(x)
        return keras.Model(tokens, layers.Dense(5)(x))

    def fresh(kind):
        def build(seed):
            keras.utils.set_random_seed(seed)
            keras.backend.clear_session()
            variables = [w for w in kind().weights if "seed_generator" not in w.path]
            return [(w.path, np.asarray(w)) for w in variables]

        return build

    return {
        "version": f"keras {keras.__version__}",
        "spellings": lines,
        "models": [models(fresh(pictures), "pictures"), models(fresh(text), "text")],
    }


def jax_file():
    import flax
    import jax
    from flax import linen as nn

    init = jax.nn.initializers

    def of(function):
        return lambda shape, seed: np.asarray(function(jax.random.key(seed), shape))

    some = ["dense wide", "conv"]
    scaled = init.variance_scaling
    table = {
        "zeros": (of(init.zeros), some),
        "ones": (of(init.ones), some),
        "constant(value=2)": (of(init.constant(2.0)), some),
        "uniform": (of(init.uniform()), some),
        "uniform(scale=0.5)": (of(init.uniform(0.5)), some),
        "normal": (of(init.normal()), some),
        "normal(stddev=0.2)": (of(init.normal(0.2)), some),
        "truncated_normal": (of(init.truncated_normal()), some),
        "truncated_normal(stddev=0.3, lower=-1, upper=3)": (of(init.truncated_normal(0.3, lower=-1.0, upper=3.0)), some),
        "glorot_normal": (of(init.glorot_normal()), None),
        "glorot_uniform": (of(init.glorot_uniform()), None),
        "xavier_normal": (of(init.xavier_normal()), some),
        "xavier_uniform": (of(init.xavier_uniform()), some),
        "he_normal": (of(init.he_normal()), None),
        "he_uniform": (of(init.he_uniform()), None),
        "kaiming_normal": (of(init.kaiming_normal()), some),
        "kaiming_uniform": (of(init.kaiming_uniform()), some),
        "lecun_normal": (of(init.lecun_normal()), None),
        "lecun_uniform": (of(init.lecun_uniform()), None),
        "orthogonal": (of(init.orthogonal()), MATRIX + KERNEL),
        "orthogonal(scale=2)": (of(init.orthogonal(2.0)), some),
        "delta_orthogonal": (of(init.delta_orthogonal()), KERNEL),
        "delta_orthogonal(scale=3)": (of(init.delta_orthogonal(3.0)), ["conv"]),
        "variance_scaling(scale=2, mode=fan_geo_avg, distribution=normal)": (of(scaled(2.0, "fan_geo_avg", "normal")), None),
        "variance_scaling(scale=0.5, mode=fan_out, distribution=truncated_normal)": (
            of(scaled(0.5, "fan_out", "truncated_normal")),
            some,
        ),
        "variance_scaling(scale=3, mode=fan_avg, distribution=uniform)": (of(scaled(3.0, "fan_avg", "uniform")), some),
    }
    lines = spellings("jax", table, LAST_SHAPES)

    class Pictures(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.Conv(16, (3, 3))(x)
            x = nn.BatchNorm(use_running_average=False)(x)
            x = nn.Conv(32, (3, 3), feature_group_count=4)(x)
            x = nn.ConvTranspose(24, (4, 4), strides=(2, 2))(x)
            x = nn.GroupNorm(4)(x)
            x = nn.PReLU()(x)
            return nn.Dense(10)(nn.Dense(48)(x.mean((1, 2))))

    class Text(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            x = nn.Embed(200, 24)(tokens)
            x = x + nn.MultiHeadDotProductAttention(4)(x)
            x = nn.LayerNorm()(x)
            x = nn.RNN(nn.LSTMCell(16))(x)
            x = nn.RNN(nn.GRUCell(12))(x)
            return nn.Dense(5)(x)

    def fresh(model, example):
        def build(seed):
            variables = model.init(jax.random.key(seed), example)
            flat = flax.traverse_util.flatten_dict(variables, sep="/")
            return [(name, np.asarray(value)) for name, value in flat.items()]

        return build

    pictures = fresh(Pictures(), np.zeros((1, 16, 16, 3), np.float32))
    text = fresh(Text(), np.zeros((1, 12), np.int32))
    return {
        "version": f"jax {jax.__version__}, flax {flax.__version__}",
        "spellings": lines,
        "models": [models(pictures, "pictures"), models(text, "text")],
    }


# Where the files go: here, or where `again.py` says.
FOLDER = os.environ.get("FANIN_MEASURED", os.path.dirname(os.path.abspath(__file__)))


def write(name, content):
    with open(os.path.join(FOLDER, name + ".json"), "w") as file:
        file.write("{\n")
        file.write(f' "version": {json.dumps(content["version"])},\n "spellings": [\n')
        file.write(",\n".join("  " + json.dumps(line) for line in content["spellings"]))
        file.write('\n ],\n "models": [\n')
        blocks = []
        for model in content["models"]:
            lines = ",\n".join("   " + json.dumps(line) for line in model["params"])
            blocks.append(f'  {{"name": {json.dumps(model["name"])}, "params": [\n{lines}\n  ]}}')
        file.write(",\n".join(blocks) + "\n ]\n}\n")


if __name__ == "__main__":
    files = {"torch": torch_file, "keras": keras_file, "jax": jax_file}
    for name in sys.argv[1:] or files:
        write(name, files[name]())
