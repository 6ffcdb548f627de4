"""Writes the GGUF files beside it: python make.py (needs gguf, numpy and safetensors; the files are committed)."""

import pathlib

import gguf
import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def normal(*shape, dtype=np.float32):
    return rng.standard_normal(shape).astype(dtype)


def write(name, tensors, quantized=None, alignment=None):
    writer = gguf.GGUFWriter(here / f"{name}.gguf", "llama")
    if alignment:
        writer.add_custom_alignment(alignment)
    writer.add_block_count(1)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<s>", "a", "bc"])
    writer.add_token_scores([0.0, -1.0, -2.0])
    for key, tensor in tensors.items():
        if tensor.dtype == ml_dtypes.bfloat16:
            raw = tensor.view(np.uint8).reshape(*tensor.shape[:-1], tensor.shape[-1] * 2)
            writer.add_tensor(key, raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(key, tensor)
    for key, (tensor, kind) in (quantized or {}).items():
        writer.add_tensor(key, gguf.quants.quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(tensors, here / f"{name}.safetensors")


plain = {
    "token_embd.weight": normal(3, 8),
    "blk.0.attn_norm.weight": normal(8),
    "blk.0.attn_q.weight": normal(8, 8, dtype=np.float16),
    "blk.0.ffn_up.weight": normal(16, 8, dtype=ml_dtypes.bfloat16),
    "output_norm.weight": normal(16),
}
write("plain", plain)
write("aligned", plain, alignment=64)
write(
    "quantized",
    {"blk.0.attn_norm.weight": normal(32)},
    {
        "blk.0.attn_q.weight": (normal(2, 32), gguf.GGMLQuantizationType.Q4_0),
        "blk.0.attn_k.weight": (normal(16, 32), gguf.GGMLQuantizationType.Q8_0),
    },
)
