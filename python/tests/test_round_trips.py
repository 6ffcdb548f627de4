"""What is written loads in the framework whose format it is, with no key missing and equal outputs.

The program of the package is run; ``FANIN=target/debug/fanin pytest python/tests/test_round_trips.py`` runs that one.
"""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

BOUND = 1e-5


def run(*words):
    program = [os.environ["FANIN"]] if "FANIN" in os.environ else [sys.executable, "-m", "fanin"]
    done = subprocess.run([*program, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def differs(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape and np.abs(a).max() > 1e-3
    return np.abs(a - b).max() / np.abs(a).max()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("round")


@pytest.fixture(scope="module")
def torch_model(folder):
    """A trained-looking network of torch, and what it computes."""
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 6, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(6)
            self.depth = torch.nn.Conv2d(6, 6, 3, groups=6, bias=False)
            self.head = torch.nn.Linear(6, 5)

        def forward(self, x):
            x = torch.relu(self.norm(self.conv(x)))
            return self.head(torch.relu(self.depth(x)).mean((2, 3)))

    torch.manual_seed(0)
    net = Net()
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor) * 0.3)
    net.eval()
    torch.save(net.state_dict(), folder / "trained.pt")
    torch.save(Net().state_dict(), folder / "fresh.pt")
    x = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        return Net, net, x, net(x).numpy()


def test_torch_loads_strictly_and_without_running_anything(folder, torch_model):
    import torch

    Net, _, x, expected = torch_model
    run("init", folder / "fresh.pt", "--from", folder / "trained.pt", "-o", folder / "out.pt")
    net = Net().eval()
    net.load_state_dict(torch.load(folder / "out.pt", weights_only=True), strict=True)
    with torch.no_grad():
        assert differs(expected, net(x)) == 0.0
    # In the old form, too.
    torch.save(Net().state_dict(), folder / "old.pt", _use_new_zipfile_serialization=False)
    run("init", folder / "old.pt", "--from", folder / "trained.pt", "-o", folder / "out_old.pt")
    net.load_state_dict(torch.load(folder / "out_old.pt", weights_only=True), strict=True)
    with torch.no_grad():
        assert differs(expected, net(x)) == 0.0


def test_safetensors_and_npz_hold_what_torch_held(folder, torch_model):
    import torch

    safe = pytest.importorskip("safetensors.torch")
    Net, fresh, x, expected = torch_model
    safe.save_file(Net().state_dict(), folder / "fresh.safetensors")
    run("init", folder / "fresh.safetensors", "--from", folder / "trained.pt", "-o", folder / "out.safetensors")
    net = Net().eval()
    net.load_state_dict(safe.load_file(folder / "out.safetensors"), strict=True)
    with torch.no_grad():
        assert differs(expected, net(x)) == 0.0
    np.savez(folder / "fresh.npz", **{name: tensor.numpy() for name, tensor in Net().state_dict().items()})
    run("init", folder / "fresh.npz", "--from", folder / "out.safetensors", "-o", folder / "out.npz")
    with np.load(folder / "out.npz", allow_pickle=False) as held:
        net.load_state_dict({name: torch.from_numpy(held[name]) for name in held.files}, strict=True)
    with torch.no_grad():
        assert differs(expected, net(x)) == 0.0


def test_transformers_misses_no_key(folder):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=64, n_positions=16, n_embd=24, n_layer=2, n_head=2)
    source = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    source.save_pretrained(folder / "trained_gpt")
    transformers.GPT2LMHeadModel(config).save_pretrained(folder / "fresh_gpt")
    run("init", folder / "fresh_gpt", "--from", folder / "trained_gpt", "-o", folder / "out_gpt")
    made, told = transformers.GPT2LMHeadModel.from_pretrained(folder / "out_gpt", output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"] and not told["mismatched_keys"]
    tokens = torch.arange(20).reshape(2, 10)
    with torch.no_grad():
        assert differs(source(tokens).logits, made.eval()(tokens).logits) == 0.0


def test_onnxruntime_computes_what_the_plan_says(folder, torch_model):
    torch = pytest.importorskip("torch")
    runtime = pytest.importorskip("onnxruntime")
    run("init", "mlp:16-12-5:relu", "--seed", "3", "-o", folder / "net.onnx")
    session = runtime.InferenceSession(str(folder / "net.onnx"), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).normal(size=(4, 16)).astype("f4")
    (made,) = session.run(None, {session.get_inputs()[0].name: x})
    # The same weights in torch.
    layers = torch.nn.ModuleDict({"layers": torch.nn.ModuleList([torch.nn.Linear(16, 12), torch.nn.Linear(12, 5)])})
    torch.save(layers.state_dict(), folder / "layers.pt")
    run("init", folder / "layers.pt", "--from", folder / "net.onnx", "-o", folder / "layers_out.pt")
    layers.load_state_dict(torch.load(folder / "layers_out.pt", weights_only=True), strict=True)
    with torch.no_grad():
        first, second = layers["layers"]
        assert differs(made, second(torch.relu(first(torch.from_numpy(x))))) < BOUND


def test_keras_computes_what_torch_computed(folder, torch_model):
    keras = pytest.importorskip("keras")
    _, _, x, expected = torch_model
    layers = [
        keras.layers.Conv2D(6, 3, padding="same", name="conv"),
        keras.layers.BatchNormalization(epsilon=1e-5, name="norm"),
        keras.layers.ReLU(),
        keras.layers.DepthwiseConv2D(3, use_bias=False, name="depth"),
        keras.layers.ReLU(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5, name="head"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    model.save(folder / "fresh.keras")
    run("init", folder / "fresh.keras", "--from", folder / "trained.pt", "-o", folder / "out.keras")
    pictures = np.moveaxis(x.numpy(), 1, 3)
    made = keras.models.load_model(folder / "out.keras")(pictures)
    assert differs(expected, keras.ops.convert_to_numpy(made)) < BOUND
    model.save_weights(folder / "fresh.weights.h5")
    run("init", folder / "fresh.weights.h5", "--from", folder / "out.keras", "-o", folder / "out.weights.h5")
    model.load_weights(folder / "out.weights.h5")
    assert differs(expected, keras.ops.convert_to_numpy(model(pictures))) < BOUND


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_cells_of_torch_and_keras_compute_the_same(folder, kind):
    torch = pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    torch.manual_seed(1)
    cell = getattr(torch.nn, kind)(7, 6, 2, batch_first=True)
    source = torch.nn.ModuleDict({"cell": cell, "head": torch.nn.Linear(6, 3)})
    torch.save(source.state_dict(), folder / f"{kind}.pt")
    layers = [getattr(keras.layers, kind)(6, return_sequences=True, name=f"cell{i}") for i in range(2)]
    target = keras.Sequential([keras.Input((9, 7)), *layers, keras.layers.Dense(3, name="head")])
    target.save(folder / f"{kind}.keras")
    run("init", folder / f"{kind}.keras", "--from", folder / f"{kind}.pt", "-o", folder / f"{kind}_out.keras")
    x = torch.randn(2, 9, 7)
    with torch.no_grad():
        expected = source["head"](cell(x)[0]).numpy()
    made = keras.models.load_model(folder / f"{kind}_out.keras")
    assert differs(expected, keras.ops.convert_to_numpy(made(x.numpy()))) < BOUND
    # And back: torch's second bias is zero then, or what Keras has for the state.
    torch.save({name: torch.zeros_like(t) for name, t in source.state_dict().items()}, folder / f"{kind}_zero.pt")
    run("init", folder / f"{kind}_zero.pt", "--from", folder / f"{kind}_out.keras", "-o", folder / f"{kind}_back.pt")
    source.load_state_dict(torch.load(folder / f"{kind}_back.pt", weights_only=True), strict=True)
    with torch.no_grad():
        assert differs(expected, source["head"](source["cell"](x)[0])) < BOUND


@pytest.mark.parametrize("method", ["pissa", "olora"])
def test_adapted_layers_start_as_they_were(folder, method):
    torch = pytest.importorskip("torch")

    class Adapted(torch.nn.Module):
        """A linear layer with an adapter, under the names of PEFT."""

        def __init__(self, scale=2.0):
            super().__init__()
            self.scale = scale
            self.base_layer = torch.nn.Linear(24, 16)
            self.lora_A = torch.nn.ModuleDict({"default": torch.nn.Linear(24, 4, bias=False)})
            self.lora_B = torch.nn.ModuleDict({"default": torch.nn.Linear(4, 16, bias=False)})

        def forward(self, x):
            return self.base_layer(x) + self.scale * self.lora_B["default"](self.lora_A["default"](x))

    source = torch.nn.ModuleDict({"q_proj": torch.nn.Linear(24, 16)})
    target = torch.nn.ModuleDict({"q_proj": Adapted()})
    torch.save(source.state_dict(), folder / "plain.pt")
    torch.save(target.state_dict(), folder / "adapted.pt")
    fits = ["--fit", f"lora={method}", "--fit", "lora_scale=2"]
    run("init", folder / "adapted.pt", "--from", folder / "plain.pt", "-o", folder / f"{method}.pt", *fits)
    target.load_state_dict(torch.load(folder / f"{method}.pt", weights_only=True), strict=True)
    x, layer = torch.randn(5, 24), target["q_proj"]
    with torch.no_grad():
        assert differs(source["q_proj"](x), layer(x)) < BOUND
        a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        w = source["q_proj"].weight
        if method == "pissa":
            u, s, v = torch.linalg.svd(w)
            assert differs((u[:, :4] * s[:4]) @ v[:4], 2 * b @ a) < BOUND
        else:
            q, r = torch.linalg.qr(w)
            assert differs(q[:, :4] @ r[:4], b @ a) < BOUND
