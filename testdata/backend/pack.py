"""Packs the small cases of ONNX's own backend tests into one file, `cases.bin`.

Run with `python pack.py FOLDER [FOLDER …]`, where a FOLDER holds some of `node`, `pytorch-operator`, `pytorch-converted` and
`simple`: `/usr/share/libonnx-testdata/data` of Debian's package `libonnx-testdata`, or `onnx/backend/test/data` of the Python
package `onnx`, or what that package's `onnx.backend.test.case.node` collects, written in the same layout. Of cases of one
name, the first folder's is taken. Cases that only spell an operator out in others (`…_expanded`) and large ones stay out; the
tests read those from the package where it is installed.

A case is: length of the name (u16), name, number of inputs and outputs (u8 each), then the model, the inputs and the
outputs, each as length (u32) and bytes. All numbers are little-endian.
"""

import pathlib
import struct
import sys

MOST_BYTES = 8192


def numbered(folder, kind):
    files = folder.glob(f"{kind}_*.pb")
    return sorted(files, key=lambda file: int(file.stem.split("_")[1]))


def main(roots):
    cases = {}
    for root in roots:
        for group in ["node", "pytorch-operator", "pytorch-converted", "simple"]:
            for case in sorted((root / group).iterdir()) if (root / group).is_dir() else []:
                for data in sorted(case.glob("test_data_set_*")):
                    inputs, outputs = numbered(data, "input"), numbered(data, "output")
                    files = [f.read_bytes() for f in [case / "model.onnx", *inputs, *outputs]]
                    name = f"{group}/{case.name}/{data.name.rsplit('_', 1)[1]}".encode()
                    if "_expanded" in case.name or sum(map(len, files)) > MOST_BYTES or name in cases:
                        continue
                    head = struct.pack("<H", len(name)) + name + bytes([len(inputs), len(outputs)])
                    cases[name] = head + b"".join(struct.pack("<I", len(f)) + f for f in files)
    target = pathlib.Path(__file__).parent / "cases.bin"
    target.write_bytes(b"".join(cases.values()))
    print(f"{len(cases)} cases, {target.stat().st_size} bytes")


main([pathlib.Path(root) for root in sys.argv[1:]])
