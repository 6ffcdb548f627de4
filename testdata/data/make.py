"""Writes small data files as NumPy and safetensors write them: `python make.py` (numpy 2.4.6, safetensors 0.8.0)."""

import gzip
import pathlib
import struct

import numpy
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent

x = (numpy.arange(24).reshape(6, 2, 2) / 4).astype(numpy.float32)
y = numpy.array([0, 1, 2, 0, 1, 2])


def idx(name: str, array: numpy.ndarray) -> None:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    raw = head + array.astype(numpy.uint8).tobytes()
    path = HERE / "idx" / name
    path.write_bytes(gzip.compress(raw, 9, mtime=0) if name.endswith(".gz") else raw)


def main() -> None:
    numpy.savez_compressed(HERE / "pair.npz", x=x, y=y)
    numpy.savez(HERE / "parts.npz", x_train=x[:4], y_train=y[:4], x_test=x[4:], y_test=y[4:])
    numpy.savez(HERE / "odd.npz", a=x.astype(">f8"), b=numpy.asfortranarray(x.reshape(6, 4)).astype(numpy.float16), c=y)
    numpy.save(HERE / "x.npy", x)
    numpy.save(HERE / "y.npy", y.astype(numpy.int32).reshape(6, 1))
    save_file({"features": x, "labels": y}, HERE / "pair.safetensors")
    (HERE / "idx").mkdir(exist_ok=True)
    pictures = numpy.arange(24).reshape(6, 2, 2) * 10
    idx("train-images-idx3-ubyte.gz", pictures[:4])
    idx("train-labels-idx1-ubyte", y[:4])
    idx("t10k-images-idx3-ubyte", pictures[4:])
    idx("t10k-labels-idx1-ubyte.gz", y[4:])


if __name__ == "__main__":
    main()
