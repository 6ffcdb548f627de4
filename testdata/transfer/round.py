"""A fresh model takes everything of another one of its kind, in every format; its framework loads it and computes the same.

python round.py FANIN (needs torch, onnxscript, onnxruntime, transformers, keras and safetensors; not run by CI)
"""

import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
import numpy as np
import onnxruntime
import torch
from transformers import GPT2Config, GPT2LMHeadModel

fanin, folder = sys.argv[1], pathlib.Path(tempfile.mkdtemp())


def taken(source, target, out):
    """The target with the source's values, proved; nothing is drawn."""
    words = [fanin, "init", target, "--from", source, "-o", out, "--plan", "plan.json", "--force"]
    told = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout
    subprocess.run([fanin, "verify", out, "--plan", "plan.json"], cwd=folder, check=True, capture_output=True)
    assert "parameters taken," in told and "drawn" not in told, told
    return folder / out


def told(name, a, b):
    difference = float(np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(np.asarray(a)).max())
    print(f"{name}: outputs differ by {difference:.1e}", flush=True)
    assert difference == 0.0, name


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4)
        self.cell, self.head = torch.nn.LSTM(24, 8, batch_first=True), torch.nn.Linear(8, 5)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu().permute(0, 2, 1, 3).flatten(2)
        return self.head(self.cell(x)[0][:, -1])


x = torch.randn(3, 1, 8, 8)
source, target = Net().eval(), Net().eval()
with torch.no_grad():
    source.norm.running_mean.normal_()
    expected = source(x)
    for old in (False, True):
        for name, model in (("a.pt", source), ("b.pt", target)):
            torch.save(model.state_dict(), folder / name, _use_new_zipfile_serialization=not old)
        made = Net().eval()
        made.load_state_dict(torch.load(taken("a.pt", "b.pt", "c.pt"), weights_only=True), strict=True)
        told(f"torch, {'pickle' if old else 'zip'}, strict, weights_only", expected, made(x))

for name, model in (("a.onnx", source), ("b.onnx", target)):
    torch.onnx.export(model, (x,), folder / name, dynamo=True, external_data=False, verbose=False)
run = lambda path: onnxruntime.InferenceSession(str(path)).run(None, {"x": x.numpy()})[0]
told("ONNX, onnxruntime", run(folder / "a.onnx"), run(taken("a.onnx", "b.onnx", "c.onnx")))

for name, model in (("a.npz", source), ("b.npz", target)):
    np.savez(folder / name, **{key: value.numpy() for key, value in model.state_dict().items()})
made = np.load(taken("a.npz", "b.npz", "c.npz"))
state = {key: torch.from_numpy(made[key]) for key in made}
target.load_state_dict(state, strict=True)
with torch.no_grad():
    told("NumPy, back into torch", expected, target(x))

config = GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=100, n_positions=16)
gpts = [GPT2LMHeadModel(config).eval() for _ in range(2)]
for name, model, size in (("a", gpts[0], "10GB"), ("b", gpts[1], "40KB")):
    model.save_pretrained(folder / name, max_shard_size=size)
shards = len(list((folder / "b").glob("*.safetensors")))
made, info = GPT2LMHeadModel.from_pretrained(taken("a", "b", "c"), output_loading_info=True)
assert shards > 1 and not any(info.values()), info
tokens = torch.arange(32).reshape(2, 16)
with torch.no_grad():
    told(f"transformers, {shards} shards, no key amiss", gpts[0](tokens).logits, made.eval()(tokens).logits)


def net():
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    y = layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.Conv2D(4, 3, activation="relu")(inputs))
    y = layers.Reshape((16, 8))(layers.BatchNormalization()(y))
    return keras.Model(inputs, layers.Dense(5)(layers.GRU(6)(y)))


pictures = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype(np.float32)
keras.utils.set_random_seed(1)
first, second = net(), net()
for weights in (first.weights, second.weights):
    for weight in weights:
        if len(weight.shape) == 1:
            weight.assign(np.random.default_rng(len(weights)).uniform(0.5, 1.5, weight.shape))
wanted = first.predict(pictures, verbose=0)
for name, model in (("a", first), ("b", second)):
    model.save(folder / f"{name}.keras")
    model.save_weights(folder / f"{name}.weights.h5")
made = keras.models.load_model(taken("a.keras", "b.keras", "c.keras"))
told("Keras, .keras", wanted, made.predict(pictures, verbose=0))
made = net()
made.load_weights(taken("a.weights.h5", "b.weights.h5", "c.weights.h5"))
told("Keras, .weights.h5", wanted, made.predict(pictures, verbose=0))
