"""Checks files that fanin wrote with the programs they are for.

    FANIN_WRITTEN=/tmp/written cargo test -p fanin-model --test onnx weights_are_drawn
    FANIN_WRITTEN=/tmp/written cargo test -p fanin-model --test formats everything_can_be_drawn
    python check.py /tmp/written

ONNX: onnx.checker with shape inference, and a run in onnxruntime with random inputs. PyTorch: torch.load, with
weights_only=True where the original can be loaded so. NumPy: numpy.load, with every checksum. GGUF: gguf.GGUFReader. What
is read must be what fanin reads: the tests write it beside the file as NAME.read.safetensors. Needs the packages of the formats that are there.
Exit code 1 if any file fails.
"""

import pathlib
import sys
import traceback
import warnings
import zipfile

import numpy as np


def check_onnx(path):
    import onnx
    import onnxruntime as ort

    # What onnxruntime calls the types of inputs.
    types = {
        "tensor(float)": np.float32,
        "tensor(double)": np.float64,
        "tensor(float16)": np.float16,
        "tensor(int64)": np.int64,
        "tensor(int32)": np.int32,
        "tensor(bool)": np.bool_,
    }

    def random_input(info, rng):
        shape = [d if isinstance(d, int) and d > 0 else 2 for d in info.shape]
        kind = types[info.type]
        if kind == np.bool_:
            return np.asarray(rng.random(shape) < 0.5)
        if np.issubdtype(kind, np.integer):
            return rng.integers(0, 2, shape).astype(kind)
        return rng.standard_normal(shape).astype(kind)

    ort.set_default_logger_severity(3)
    onnx.checker.check_model(str(path), full_check=True)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for _ in range(2):  # both branches of an If, with some luck
        outputs = session.run(None, {i.name: random_input(i, rng) for i in session.get_inputs()})
    return "outputs " + ", ".join(str(getattr(o, "shape", "")) for o in outputs)


def tensors_of(value, path=()):
    """The tensors of a state dict, or of whatever it stands in."""
    import torch

    if isinstance(value, torch.nn.Module):
        value = value.state_dict()
    if isinstance(value, torch.Tensor):
        return {".".join(path): value.detach()}
    if isinstance(value, dict):
        value = value.items()
    elif isinstance(value, (list, tuple)):
        value = enumerate(value)
    else:
        return {}
    return {name: t for key, child in value for name, t in tensors_of(child, (*path, str(key))).items()}


def same_tensors(expected, found):
    """Compares by the end of the name: a checkpoint has more around its model."""
    import torch

    missing = [name for name in expected if not any(other == name or other.endswith("." + name) for other in found)]
    assert not missing, f"not found: {missing}"
    for name, tensor in expected.items():
        other = next(t for key, t in found.items() if key == name or key.endswith("." + name))
        assert tensor.shape == other.shape and tensor.dtype == other.dtype, name
        same = tensor.contiguous().view(-1).view(torch.uint8), other.contiguous().view(-1).view(torch.uint8)
        assert torch.equal(*same), f"{name} differs"


def check_torch(path):
    import torch
    from safetensors.torch import load_file

    zipped = zipfile.is_zipfile(path)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None, "a checksum is wrong"
    how = "weights_only"
    try:
        content = torch.load(path, weights_only=True)
    except Exception:
        how = "script"
        try:
            content = torch.jit.load(str(path))
        except Exception:
            how = "module"
            sys.modules.setdefault("acme_config", acme_config())
            content = torch.load(path, weights_only=False)
    found = tensors_of(content)
    expected = load_file(path.with_name(path.name + ".read.safetensors"))
    same_tensors(expected, found)
    return f"{how}, {len(expected)} tensors"


def acme_config():
    """The module whose classes testdata/torch/make.py saves and then forgets."""
    import types

    config = types.ModuleType("acme_config")
    exec("class Config(dict): pass\nclass Slots:\n    __slots__ = ['a']", config.__dict__)
    config.Config.__module__ = config.Slots.__module__ = "acme_config"
    return config


def check_numpy(path):
    from safetensors.numpy import load_file

    expected = load_file(path.with_name(path.name + ".read.safetensors"))
    content = np.load(path)
    found = {"arr_0": content} if path.suffix == ".npy" else content
    for name, array in expected.items():
        other = np.ascontiguousarray(found[name]).reshape(found[name].shape)
        assert array.shape == other.shape, name
        assert array.tobytes() == other.astype(other.dtype.newbyteorder("<")).tobytes(), f"{name} differs"
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None, "a checksum is wrong"
    return f"{len(expected)} arrays"


def check_gguf(path):
    import gguf
    from safetensors.torch import load_file

    expected = load_file(path.with_name(path.name + ".read.safetensors"))
    found = {t.name: t for t in gguf.GGUFReader(path).tensors}
    for name, tensor in expected.items():
        assert list(reversed(found[name].shape.tolist())) == list(tensor.shape), name
        assert found[name].data.tobytes() == tensor.contiguous().view(-1).view(torch_bytes()).numpy().tobytes(), name
    return f"{len(expected)} of {len(found)} tensors"


def torch_bytes():
    import torch

    return torch.uint8


CHECKS = {
    ".gguf": check_gguf,
    ".onnx": check_onnx,
    ".pt": check_torch,
    ".pth": check_torch,
    ".ckpt": check_torch,
    ".npz": check_numpy,
    ".npy": check_numpy,
}


def main():
    warnings.filterwarnings("ignore")
    failed = 0
    for folder in sys.argv[1:]:
        for path in sorted(pathlib.Path(folder).iterdir()):
            check = CHECKS.get(path.suffix)
            if check is None:
                continue
            try:
                print(f"{path.name}: fine, {check(path)}")
            except Exception:
                failed += 1
                print(f"{path.name}: FAILED")
                traceback.print_exc(limit=1)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
