"""Writes the Keras files beside it: python make.py (needs keras, jax, h5py and safetensors; the files are committed)."""

import os
import pathlib
import zipfile

os.environ["KERAS_BACKEND"] = "jax"
import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def reference(name, tensors):
    save_file(
        {key: np.ascontiguousarray(t).reshape(np.shape(t)) for key, t in tensors.items()},
        here / f"{name}.safetensors",
    )


def values(model, prefix=""):
    """The model's variables under the names that Keras shows, without the model's own."""
    for variable in model.variables:
        if variable.dtype in ("float32", "bfloat16"):
            variable.assign(rng.standard_normal(variable.shape).astype("float32"))
    # The states of random generators are not saved.
    saved = [v for v in model.variables if "seed_generator" not in v.path]
    return {v.path.removeprefix(prefix): np.asarray(v.value) for v in saved}


conv = keras.Sequential(
    [
        L.Input((8, 8, 2)),
        L.Conv2D(4, 3, groups=2, activation="relu", name="stem"),
        L.DepthwiseConv2D(2, depth_multiplier=2),
        L.BatchNormalization(scale=False),
        L.ReLU(),
        L.Conv2DTranspose(3, 2, strides=2),
        L.Flatten(),
        L.Dense(2, activation="tanh", kernel_initializer="he_normal"),
        L.Dense(2, activation="softmax", name="head"),
    ],
    name="net",
)
tensors = values(conv, "net/")
conv.save(here / "conv.keras")
reference("conv", tensors)
conv.save(here / "conv3.h5")
reference("conv3", tensors)

# Keras 2 writes each layer's group with a list of names, each with TensorFlow's number behind it.
with h5py.File(here / "conv2.h5", "w") as file:
    order = list(dict.fromkeys(name.split("/")[0] for name in tensors))
    file.attrs["layer_names"] = [name.encode() for name in ["input_1", *order]]
    file.attrs["keras_version"] = b"2.2.4"
    file.create_group("input_1").attrs["weight_names"] = []
    for layer in order:
        group = file.create_group(layer)
        names = [f"{name}:0" for name in tensors if name.startswith(f"{layer}/")]
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name in names:
            group.create_dataset(name, data=tensors[name.removesuffix(":0")])
reference("conv2", tensors)

words = L.Input((6,), dtype="int32")
x = L.Embedding(10, 8)(words)
x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x)]))
x = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
x = L.TimeDistributed(L.Dense(4))(x)
x = L.GRU(3, return_sequences=True)(L.PReLU(shared_axes=[1])(x))
x = L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")(x)
x = L.SeparableConv1D(4, 2)(x)
sub = keras.Sequential([L.Input((4,)), L.Dense(3, activation="relu"), L.Dense(2)], name="sub")
model = keras.Model(words, sub(L.GlobalAveragePooling1D()(x)))
model.compile("sgd", "mse")
model.fit(np.zeros((2, 6), "int32"), np.zeros((2, 2)), verbose=0)
tensors = values(model)
model.save(here / "words.keras")
reference("words", tensors)

# Files of before Keras 3.8 have no names in them: the configuration tells them.
with h5py.File(here / "unnamed.h5", "w") as file:
    file["layers/conv2d/vars/0"] = rng.standard_normal((3, 3, 1, 4)).astype("float32")
    file["layers/conv2d/vars/1"] = np.zeros(4, "float32")
    file["layers/dense/vars/0"] = rng.standard_normal((16, 2)).astype("float32")
    file["layers/dense_1/vars/0"] = rng.standard_normal((2, 2)).astype("float32")
    unnamed = {path: file[path][()] for path in ("layers/conv2d/vars/0", "layers/conv2d/vars/1", "layers/dense/vars/0", "layers/dense_1/vars/0")}
small = keras.Sequential(
    [L.Input((4, 4, 1)), L.Conv2D(4, 3, name="first"), L.Flatten(), L.Dense(2, use_bias=False, name="mid"), L.Dense(2, use_bias=False, name="last")]
)
with zipfile.ZipFile(here / "unnamed.keras", "w") as archive:
    archive.writestr("metadata.json", '{"keras_version": "3.0.0"}')
    archive.writestr("config.json", keras.saving.serialize_keras_object(small) and small.to_json())
    archive.writestr("model.weights.h5", (here / "unnamed.h5").read_bytes())
(here / "unnamed.h5").unlink()
names = ["first/kernel", "first/bias", "mid/kernel", "last/kernel"]
reference("unnamed", dict(zip(names, unnamed.values())))

keras.config.set_dtype_policy("bfloat16")
half = keras.Sequential([L.Input((3,)), L.Dense(2)])
tensors = values(half, "sequential_1/")
half.save_weights(here / "half.weights.h5")
reference("half.weights", tensors)
keras.config.set_dtype_policy("float32")

# Any other HDF5 file: arrays under their paths, some of them in pieces.
with h5py.File(here / "plain.h5", "w") as file:
    file["a/weight"] = rng.standard_normal((3, 4)).astype("float16")
    file["a/steps"] = np.int64(3)
    file["flag"] = np.array([True, False])
    file["none"] = np.zeros((0, 3), "float32")
    file.create_dataset("pieces", data=np.ones((4, 4), "float32"), chunks=(2, 2), compression="gzip")
    file["big"] = np.ones(3, ">f4")
    plain = {key: file[key][()] for key in ("a/weight", "a/steps", "flag", "none")}
reference("plain", plain)
