"""Builds every short architecture of params.txt with the program, checks the files with onnx and runs them with onnxruntime.

    python testdata/architectures/check.py target/debug/fanin

Checked with onnx 1.23.2 and onnxruntime 1.28.0; nothing in the tests needs either.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

# Beyond this many elements a file is only checked as it is before it is filled.
LARGE = 30_000_000


def run(path: pathlib.Path) -> list[numpy.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 2
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    random = numpy.random.default_rng(0)
    feeds = {}
    for wanted in session.get_inputs():
        assert wanted.shape[0] == "N", wanted.shape
        shape = [2, *wanted.shape[1:]]
        whole = wanted.type == "tensor(int64)"
        feeds[wanted.name] = random.integers(0, 2, shape) if whole else random.standard_normal(shape, numpy.float32)
    outputs = session.run(None, feeds)
    for said, got in zip(session.get_outputs(), outputs):
        assert list(got.shape[1:]) == said.shape[1:], (said.shape, got.shape)
        assert numpy.isfinite(got).all()
    return outputs


def main() -> None:
    program = sys.argv[1]
    lines = (pathlib.Path(__file__).parent / "params.txt").read_text().splitlines()
    heads = [line.split() for line in lines if not line.startswith(" ")]
    for text, _, _, elements, _ in heads:
        with tempfile.TemporaryDirectory() as folder:
            for keep in [["--set", "*=keep"], []]:
                out = pathlib.Path(folder) / f"{len(keep)}.onnx"
                if not keep and int(elements) > LARGE:
                    continue
                subprocess.run([program, "init", text, "-o", out, *keep], check=True, stdout=subprocess.DEVNULL)
                onnx.checker.check_model(out, full_check=True)
                if int(elements) > LARGE:
                    print(text, "checked only")
                    continue
                outputs = run(out)
                print(text, "empty" if keep else "filled", [float(o.std()) for o in outputs])


if __name__ == "__main__":
    main()
