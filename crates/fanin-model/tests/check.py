"""Checks ONNX files that fanin wrote: onnx.checker with shape inference, and a run in onnxruntime with random inputs.

    FANIN_WRITTEN=/tmp/written cargo test -p fanin-model --test onnx weights_are_drawn
    python check.py /tmp/written

Needs numpy, onnx and onnxruntime. Exit code 1 if any file fails.
"""

import pathlib
import sys
import traceback

import numpy as np
import onnx
import onnxruntime as ort

# What onnxruntime calls the types of inputs.
TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


def random_input(info, rng):
    shape = [d if isinstance(d, int) and d > 0 else 2 for d in info.shape]
    kind = TYPES[info.type]
    if kind == np.bool_:
        return np.asarray(rng.random(shape) < 0.5)
    if np.issubdtype(kind, np.integer):
        return rng.integers(0, 2, shape).astype(kind)
    return rng.standard_normal(shape).astype(kind)


def check(path):
    onnx.checker.check_model(str(path), full_check=True)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for _ in range(2):  # both branches of an If, with some luck
        outputs = session.run(None, {i.name: random_input(i, rng) for i in session.get_inputs()})
    return ", ".join(str(getattr(o, "shape", "")) for o in outputs)


def main():
    ort.set_default_logger_severity(3)
    failed = 0
    for folder in sys.argv[1:]:
        for path in sorted(pathlib.Path(folder).glob("*.onnx")):
            try:
                print(f"{path.name}: fine, outputs {check(path)}")
            except Exception:
                failed += 1
                print(f"{path.name}: FAILED")
                traceback.print_exc(limit=1)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
