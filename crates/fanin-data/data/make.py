"""Packs the built-in data sets: the numbers as bytes, then the labels, compressed.

    python make.py DIGITS_CSV_GZ MNIST1D_FOLDER

The first is scikit-learn 1.9.1's `datasets/data/digits.csv.gz`; the second the folder with version 0.0.2.post1 of the package
`mnist1d`, whose generator is run with its defaults (seed 42), which gives the published set.
"""

import gzip
import pathlib
import sys
import types

import numpy

HERE = pathlib.Path(__file__).parent


def write(name: str, numbers: numpy.ndarray, labels: numpy.ndarray) -> None:
    raw = numbers.tobytes() + labels.astype(numpy.uint8).tobytes()
    (HERE / name).write_bytes(gzip.compress(raw, 9, mtime=0))


def digits(path: str) -> None:
    table = numpy.loadtxt(gzip.open(path), delimiter=",")
    write("digits.gz", table[:, :-1].astype(numpy.uint8), table[:, -1])


def mnist1d(folder: str) -> None:
    sys.path.insert(0, folder)
    # The package draws pictures and downloads on request; neither is needed.
    for name in ["requests", "matplotlib", "matplotlib.pyplot"]:
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]
    from mnist1d.data import get_dataset_args, make_dataset

    made = make_dataset(get_dataset_args())
    x = numpy.concatenate([made["x"], made["x_test"]])
    # One step is the largest magnitude over 127; the error, 0.0124 of a standard deviation, is far below the set's own noise.
    step = numpy.abs(x).max() / 127
    print("step", repr(float(step)))
    write("mnist1d.gz", numpy.round(x / step).astype(numpy.int8), numpy.concatenate([made["y"], made["y_test"]]))


if __name__ == "__main__":
    digits(sys.argv[1])
    mnist1d(sys.argv[2])
