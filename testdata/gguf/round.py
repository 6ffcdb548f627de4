"""A GGUF file takes everything of another one and of a safetensors file, and gguf's reader finds the same numbers in it.

python round.py FANIN (needs gguf and numpy; not run by CI)
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import gguf
import numpy as np

fanin, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(tempfile.mkdtemp())
kinds = gguf.GGMLQuantizationType
shapes = {
    "token_embd.weight": ((11, 32), kinds.F32),
    "blk.0.attn_norm.weight": ((32,), kinds.F32),
    "blk.0.attn_q.weight": ((32, 32), kinds.F16),
    "blk.0.attn_k.weight": ((16, 32), kinds.BF16),
    "blk.0.ffn_up.weight": ((64, 32), kinds.BF16),
    "output_norm.weight": ((32,), kinds.F32),
}


def written(name, seed, quantized=()):
    """A file of gguf's own writer, and the numbers that it holds."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(folder / name, "llama")
    writer.add_block_count(1)
    writer.add_token_list(["<s>", "a", "bc"])
    held = {}
    for tensor, (shape, kind) in shapes.items():
        kind = kinds.Q8_0 if tensor in quantized else kind
        raw = gguf.quants.quantize(rng.standard_normal(shape).astype(np.float32), kind)
        held[tensor] = gguf.quants.dequantize(raw, kind)
        writer.add_tensor(tensor, raw, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


def read(name):
    """The numbers of a file, by gguf's own reader."""
    tensors = gguf.GGUFReader(folder / name).tensors
    return {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in tensors}


def run(*words):
    return subprocess.run([fanin, *words], cwd=folder, capture_output=True, text=True)


def same(a, b):
    assert a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


source = written("a.gguf", 1)
assert not np.array_equal(written("b.gguf", 2)["output_norm.weight"], source["output_norm.weight"])
made = run("init", "b.gguf", "--from", "a.gguf", "-o", "c.gguf", "--plan", "plan.json")
assert "parameters taken," in made.stdout and "drawn" not in made.stdout, made
assert run("verify", "c.gguf", "--plan", "plan.json").returncode == 0
same(read("c.gguf"), source)
print("GGUF onto GGUF: f32, f16 and bf16 equal")

# Onto another format: the same numbers as f32.
header, offset = {}, 0
for tensor, (shape, _) in shapes.items():
    size = 4 * int(np.prod(shape))
    header[tensor] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
    offset += size
text = json.dumps(header).encode()
(folder / "d.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))
made = run("init", "d.safetensors", "--from", "a.gguf", "-o", "e.safetensors")
assert "parameters taken," in made.stdout and "drawn" not in made.stdout, made
data = (folder / "e.safetensors").read_bytes()
(length,) = struct.unpack("<Q", data[:8])
placed = {key: value["data_offsets"] for key, value in json.loads(data[8 : 8 + length]).items() if key != "__metadata__"}
for tensor, (start, end) in placed.items():
    found = np.frombuffer(data[8 + length + start : 8 + length + end], np.float32).reshape(shapes[tensor][0])
    assert np.array_equal(found, source[tensor]), tensor
print("GGUF onto safetensors: equal")

# A quantized tensor is no source of values, and says so by its name and kind.
written("q.gguf", 3, quantized=("blk.0.attn_q.weight",))
told = run("plan", "d.safetensors", "--from", "q.gguf", "--why", "blk.0.attn_q.weight")
assert "quantized as Q8_0, which cannot be taken" in told.stdout and "(quantized as Q8_0)" in told.stderr, told
print("a quantized tensor is named and not taken")
