"""What the benchmarks of large files share: a model file with a hole instead of data, and a machine at rest."""

import json
import math
import os
import struct
import sys
import time
from pathlib import Path


def empty(path, tensors):
    """A safetensors file of f32 tensors (pairs of name and shape) with a hole instead of data; gives the size of the hole."""
    header, offset = {}, 0
    for name, shape in tensors:
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    return offset


def settle(seconds):
    """Everything written back, the page cache dropped, and a pause."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        print("the page cache cannot be dropped (not root): states differ", file=sys.stderr)
    time.sleep(seconds)
