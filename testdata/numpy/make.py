"""Writes the NumPy files beside it: python make.py (needs numpy and safetensors; the files are committed)."""

import io
import pathlib
import zipfile

import numpy as np
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def normal(*shape, dtype="<f4"):
    return rng.standard_normal(shape).astype(dtype)


arrays = {
    "fc1.weight": normal(6, 4),
    "fc1.bias": normal(6),
    "fc2.weight": np.asfortranarray(normal(3, 6)),
    "fc2.bias": normal(3, dtype=">f8"),
    "half": normal(2, 3, dtype="<f2"),
    "step": np.int64(17),
    "none": normal(0, 4),
    "names": np.array(["a", "bc"]),
}


class Stream(io.RawIOBase):
    """A file that cannot be rewound: sizes and checksums come behind the data."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)




np.savez(here / "plain.npz", **arrays)
np.savez_compressed(here / "packed.npz", **arrays, large=np.zeros((16, 16), "<f4"))
np.save(here / "array.npy", normal(5, 3))
np.save(here / "columns.npy", np.asfortranarray(normal(5, 3, dtype=">f4")))

stream = Stream()
with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
    archive.comment = b"streamed"
    for name in ("fc1.weight", "fc1.bias"):
        entry = io.BytesIO()
        np.save(entry, arrays[name])
        archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue())
(here / "streamed.npz").write_bytes(stream.data)

# What reading must give: little-endian, row by row.
plain = {name: np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")) for name, a in arrays.items() if name != "names"}
plain = {name: a.reshape(np.shape(arrays[name])) for name, a in plain.items()}
save_file(plain, here / "plain.safetensors")
save_file({**plain, "large": np.zeros((16, 16), "<f4")}, here / "packed.safetensors")
save_file({name: plain[name] for name in ("fc1.weight", "fc1.bias")}, here / "streamed.safetensors")
for name in ("array", "columns"):
    save_file({"arr_0": np.ascontiguousarray(np.load(here / f"{name}.npy").astype("<f4"))}, here / f"{name}.safetensors")
