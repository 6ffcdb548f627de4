"""Tables that frameworks make without random numbers, value by value: tables.json, in the form of make.py's files.

Needs torch, transformers, timm and keras. Run it without arguments.
"""

import make
import numpy as np


def line(call, shape, values, on="table", role="weight"):
    values = np.asarray(values, dtype=np.float64).ravel()
    assert values.size == np.prod(shape), (call, shape, values.size)
    statistics = make.record(lambda seed: values, least=1)
    axes = {"dims": (["out", "in"] + ["field"] * 8)[: len(shape)]}
    return {"call": call, "on": on, "shape": list(shape), "axes": axes, "role": role, **statistics, "values": values.tolist()}


def tables():
    import keras
    import torch
    from timm.models import beit, swin_transformer
    from transformers import DeformableDetrConfig, LlamaConfig, ResNetConfig
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor
    from transformers.models.deformable_detr import modeling_deformable_detr as deformable
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
    from transformers.models.whisper.modeling_whisper import sinusoids

    yield line("timm:get_relative_position_index", [16, 16], swin_transformer.get_relative_position_index(4, 4))
    yield line("timm:get_relative_position_index(win_w=3)", [6, 6], swin_transformer.get_relative_position_index(2, 3))
    yield line("timm:gen_relative_position_index", [10, 10], beit.gen_relative_position_index((3, 3)))
    for theta in [10000.0, 500000.0]:
        config = LlamaConfig(hidden_size=64, num_attention_heads=2, rope_parameters={"rope_type": "default", "rope_theta": theta})
        yield line(f"hf:rotary_emb.inv_freq(rope_theta={theta})", [16], LlamaRotaryEmbedding(config).inv_freq)
    for heads in [8, 12]:
        alibi = build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)
        yield line("alibi_slopes", [heads], alibi[:, 0, 1])
    yield line("whisper:sinusoids", [20, 8], sinusoids(20, 8))
    class Initializer(deformable.DeformableDetrPreTrainedModel):
        """What `_init_weights` needs of a model: its configuration."""

        def __init__(self, config):
            self.config = config

    for heads, levels, points in [(8, 4, 4), (6, 2, 3)]:
        config = DeformableDetrConfig(d_model=48, encoder_attention_heads=heads, num_feature_levels=levels, use_timm_backbone=False,
                                      backbone_config=ResNetConfig(), use_pretrained_backbone=False)
        attention = deformable.DeformableDetrMultiscaleDeformableAttention(config, heads, points)
        deformable.DeformableDetrPreTrainedModel._init_weights(Initializer(config), attention)
        call = f"hf:deformable_detr.sampling_offsets(n_levels={levels}, n_points={points})"
        bias = attention.sampling_offsets.bias.detach()
        yield line(call, [len(bias)], bias, role="bias")
    yield line("hf:position_ids", [1, 12], torch.arange(12))
    for arguments in [
        {},
        {"side": "imag", "scaling": "spectrum", "periodic": True},
        {"window": "hamming", "scaling": "none"},
        {"window": "blackman", "side": "imag"},
        {"window": "bartlett"},
        {"window": "boxcar"},
    ]:
        own = {key: None if value == "none" else value for key, value in arguments.items()}
        words = ", ".join(f"{key}={str(value).lower()}" for key, value in arguments.items())
        call = f"keras:STFT({words})" if words else "keras:STFT"
        yield line(call, [8, 1, 5], np.asarray(keras.initializers.STFT(**own)((8, 1, 5))))


if __name__ == "__main__":
    import keras
    import timm
    import torch
    import transformers

    version = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, timm {timm.__version__}, keras {keras.__version__}"
    make.write("tables", {"version": version, "spellings": list(tables()), "models": []})
