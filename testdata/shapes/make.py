"""Makes the parameter lists in this folder that libraries installed beside it can make: names, shapes and element types, no
weights. Depths are cut where every block is alike.

The lists of torchvision 0.29, timm 1.0, transformers 5.24, torch 2.15, keras 3.15 and flax 0.12 were made on 2026-11-27 with

    python testdata/shapes/make.py OUT [PREFIX…]

Those at the end of the file (Haiku, MLX, diffusers, DiT) are written down after the naming of those libraries, which need
not be installed.
"""

import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
OUT = sys.argv[1]
WANTED = sys.argv[2:]


def wanted(name):
    return not WANTED or any(name.startswith(prefix) for prefix in WANTED)


def write(name, library, version, cls, tensors, tied=(), note=""):
    head = dict(model=name, library=library, version=version)
    head["class"] = cls
    head.update(note=note, n_tensors=len(tensors), tied=list(tied))
    lines = [json.dumps(dict(name=n, shape=list(s), dtype=d), separators=(",", ":")) for n, s, d in tensors]
    body = json.dumps(head, indent=1)[:-2] + ',\n "tensors": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    with open(os.path.join(OUT, name + ".json"), "w") as file:
        file.write(body)


def of_torch(name, model, library, version, note=""):
    """A state dict, with the pairs of names that are one parameter."""
    first, tied = {}, []
    for n, p in model.named_parameters(remove_duplicate=False):
        if id(p) in first:
            tied.append([n, first[id(p)]])
        else:
            first[id(p)] = n
    tensors = [(n, t.shape, str(t.dtype).removeprefix("torch.")) for n, t in model.state_dict().items()]
    write(name, library, version, type(model).__name__, tensors, tied, note)


SMALL = dict(hidden_size=256, num_hidden_layers=2, num_attention_heads=4, intermediate_size=512, vocab_size=8192)


def transformers():
    import torch
    import transformers as t

    def make(name, cls, config, **arguments):
        if not wanted("hf_" + name):
            return
        with torch.device("meta"):
            model = getattr(t, cls)(getattr(t, config)(**arguments))
            model.tie_weights()
        of_torch("hf_" + name, model, "transformers", t.__version__)

    heads = dict(num_key_value_heads=2, head_dim=64)
    half = dict(vision_config=dict(num_hidden_layers=2), text_config=dict(num_hidden_layers=2))
    make("pythia_70m", "GPTNeoXForCausalLM", "GPTNeoXConfig", hidden_size=512, num_hidden_layers=6, num_attention_heads=8, intermediate_size=2048, vocab_size=50304)
    make("qwen3", "Qwen3ForCausalLM", "Qwen3Config", hidden_size=1024, num_hidden_layers=2, num_attention_heads=16, num_key_value_heads=8, head_dim=128, intermediate_size=3072, vocab_size=151936, tie_word_embeddings=True)
    make("clip", "CLIPModel", "CLIPConfig", **half)
    make("siglip", "SiglipModel", "SiglipConfig", **half)
    make("wav2vec2", "Wav2Vec2ForPreTraining", "Wav2Vec2Config", num_hidden_layers=2)
    make("distilbert", "DistilBertForMaskedLM", "DistilBertConfig", n_layers=2)
    make("albert", "AlbertForMaskedLM", "AlbertConfig", hidden_size=256, num_attention_heads=4, intermediate_size=512, vocab_size=8192)
    make("roberta", "RobertaForMaskedLM", "RobertaConfig", **SMALL)
    make("modernbert", "ModernBertForMaskedLM", "ModernBertConfig", **SMALL, pad_token_id=0)
    make("xlnet", "XLNetLMHeadModel", "XLNetConfig", d_model=256, n_layer=2, n_head=4, d_inner=512, vocab_size=8192)
    make("bart", "BartForConditionalGeneration", "BartConfig", d_model=256, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=512, decoder_ffn_dim=512, vocab_size=8192)
    make("rwkv", "RwkvForCausalLM", "RwkvConfig", hidden_size=256, num_hidden_layers=2, attention_hidden_size=256, vocab_size=8192)
    make("mamba2", "Mamba2ForCausalLM", "Mamba2Config", hidden_size=256, num_hidden_layers=2, num_heads=8, head_dim=64, expand=2, vocab_size=8192, state_size=32, n_groups=2)
    make("recurrent_gemma", "RecurrentGemmaForCausalLM", "RecurrentGemmaConfig", num_hidden_layers=3, hidden_size=256, intermediate_size=1024, num_attention_heads=4, lru_width=256, vocab_size=8192)
    make("olmo2", "Olmo2ForCausalLM", "Olmo2Config", **SMALL)
    make("gemma2", "Gemma2ForCausalLM", "Gemma2Config", **SMALL, **heads)
    make("nemotron", "NemotronForCausalLM", "NemotronConfig", **SMALL, num_key_value_heads=4)
    make("deepseek_v3", "DeepseekV3ForCausalLM", "DeepseekV3Config", **SMALL, n_routed_experts=8, n_group=2, topk_group=1, num_experts_per_tok=2, moe_intermediate_size=128, first_k_dense_replace=1, q_lora_rank=64, kv_lora_rank=32, qk_rope_head_dim=16, qk_nope_head_dim=32, v_head_dim=32, num_key_value_heads=4)
    make("gpt_oss", "GptOssForCausalLM", "GptOssConfig", **SMALL, **heads, num_local_experts=4)
    make("llama4", "Llama4ForCausalLM", "Llama4TextConfig", **SMALL, **heads, num_local_experts=4, intermediate_size_mlp=512)
    make("granitemoe", "GraniteMoeForCausalLM", "GraniteMoeConfig", **SMALL, num_local_experts=4, num_key_value_heads=2)
    make("qwen3_next", "Qwen3NextForCausalLM", "Qwen3NextConfig", **{**SMALL, "num_hidden_layers": 4}, **heads, num_experts=4, moe_intermediate_size=128, shared_expert_intermediate_size=256, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=32, linear_value_head_dim=32)
    make("bloom", "BloomForCausalLM", "BloomConfig", hidden_size=256, n_layer=2, n_head=4, vocab_size=8192)
    make("falcon", "FalconForCausalLM", "FalconConfig", hidden_size=256, num_hidden_layers=2, num_attention_heads=4, num_kv_heads=2, new_decoder_architecture=True, vocab_size=8192)
    make("gpt_bigcode", "GPTBigCodeForCausalLM", "GPTBigCodeConfig", n_embd=256, n_layer=2, n_head=4, vocab_size=8192)
    make("phi3", "Phi3ForCausalLM", "Phi3Config", **SMALL, num_key_value_heads=2, pad_token_id=0)
    make("dinov2", "Dinov2ForImageClassification", "Dinov2Config", num_hidden_layers=2)
    make("beit", "BeitForImageClassification", "BeitConfig", num_hidden_layers=2, use_relative_position_bias=True, use_mask_token=True)
    make("sam", "SamModel", "SamConfig", vision_config=dict(num_hidden_layers=2))
    make("encodec", "EncodecModel", "EncodecConfig")
    make("dac", "DacModel", "DacConfig", n_codebooks=2)
    make("fastspeech2", "FastSpeech2ConformerModel", "FastSpeech2ConformerConfig", encoder_layers=1, decoder_layers=1)
    make("deformable_detr_head", "DeformableDetrForObjectDetection", "DeformableDetrConfig", encoder_layers=1, decoder_layers=2, use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=t.ResNetConfig(depths=[1, 1, 1, 1], out_features=["stage2", "stage3", "stage4"]))


def vision():
    import timm
    import torch
    import torchvision

    def make(name, library, version, build):
        if not wanted(name):
            return
        try:
            with torch.device("meta"):
                model = build()
        except NotImplementedError:  # some constructors look at their weights
            model = build()
        of_torch(name, model, library, version)

    for name in ["swin_t", "regnet_y_400mf", "shufflenet_v2_x1_0"]:
        make("tv_" + name, "torchvision", torchvision.__version__, lambda n=name: getattr(torchvision.models, n)(weights=None))
    cuts = dict(cait_xxs24_224=dict(depth=2), convit_tiny=dict(depth=11), xcit_nano_12_p16_224=dict(depth=2))
    for name in ["cait_xxs24_224", "nfnet_l0", "levit_128s", "edgenext_xx_small", "xcit_nano_12_p16_224", "convit_tiny", "resnext50_32x4d"]:
        make("timm_" + name, "timm", timm.__version__, lambda n=name: timm.create_model(n, pretrained=False, **cuts.get(n, {})))


def plain_torch():
    import torch
    from torch import nn
    from torch.nn.utils import parametrizations, spectral_norm, weight_norm

    class Sine(nn.Module):
        def __init__(self, i, o):
            super().__init__()
            self.linear = nn.Linear(i, o)

    models = dict(
        torch_bigru_tagger=dict(embed=nn.Embedding(8000, 128, padding_idx=0), gru=nn.GRU(128, 192, 2, bidirectional=True), fc=nn.Linear(384, 17)),
        torch_siren=dict(net=nn.Sequential(Sine(2, 256), Sine(256, 256), Sine(256, 256), nn.Linear(256, 1))),
        torch_recurrent_kinds=dict(lstm=nn.LSTM(40, 256, 2, proj_size=64, bidirectional=True), cell=nn.GRUCell(64, 32), rnn=nn.RNN(32, 16), lcell=nn.LSTMCell(16, 8), out=nn.Linear(8, 4)),
        torch_norm_kinds=dict(conv=spectral_norm(nn.Conv2d(3, 64, 3)), conv2=parametrizations.spectral_norm(nn.Conv2d(64, 128, 4, 2)), up=spectral_norm(nn.ConvTranspose2d(128, 64, 4, 2)), fc=spectral_norm(nn.Linear(64, 1)), embed=spectral_norm(nn.Embedding(10, 64)), wn=weight_norm(nn.Conv1d(16, 32, 3)), wn2=parametrizations.weight_norm(nn.Linear(32, 8)), wnt=parametrizations.weight_norm(nn.ConvTranspose1d(16, 8, 4, 2)), wnd=weight_norm(nn.Conv1d(16, 16, 5), dim=2), wns=weight_norm(nn.Linear(8, 8), dim=None), ortho=parametrizations.orthogonal(nn.Linear(16, 16))),
        torch_transformer_kinds=dict(t=nn.Transformer(64, 4, 1, 1, 128), mha=nn.MultiheadAttention(64, 4, kdim=32, vdim=48, add_bias_kv=True), src_embed=nn.Embedding(100, 64), gen=nn.Linear(64, 100)),
        torch_layer_kinds=dict(stem=nn.Conv2d(3, 8, 3), bottleneck=nn.ModuleDict(dict(reduce=nn.Conv2d(8, 32, 1), grouped=nn.Conv2d(32, 32, 3, groups=4))), dw=nn.Conv2d(32, 32, 3, groups=32), ct=nn.ConvTranspose2d(32, 16, 4, 2, groups=2), c3=nn.Conv3d(16, 8, 3), eb=nn.EmbeddingBag(50, 16), prelu=nn.PReLU(8), prelu1=nn.PReLU(), inorm=nn.InstanceNorm2d(8, affine=True, track_running_stats=True), rms=nn.RMSNorm(8), gn=nn.GroupNorm(2, 8), ada=nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])),
    )
    for name, parts in models.items():
        if wanted(name):
            of_torch(name, nn.ModuleDict(parts), "torch", torch.__version__)


def keras():
    import h5py
    import keras as k
    import tempfile
    from keras import layers as L

    def kinds():
        return k.Sequential([L.Input((32, 32, 3)), L.Conv2D(8, 3), L.DepthwiseConv2D(3, depth_multiplier=2), L.DepthwiseConv2D(3, use_bias=False), L.SeparableConv2D(16, 3, depth_multiplier=2), L.Conv2D(12, 3, groups=4), L.Conv2DTranspose(10, 3, strides=2), L.BatchNormalization(), L.GroupNormalization(2), L.LayerNormalization(), L.PReLU(), L.PReLU(shared_axes=[1, 2]), L.SpectralNormalization(L.Conv2D(8, 3)), L.Flatten(), L.Dense(20), L.RMSNormalization(), L.Dense(4, use_bias=False)])

    def sequences():
        return k.Sequential([L.Input((20, 8)), L.Conv1D(6, 3), L.SeparableConv1D(6, 3), L.DepthwiseConv1D(3), L.Conv1DTranspose(12, 3), L.LSTM(5, return_sequences=True), L.GRU(7, return_sequences=True, reset_after=False), L.SimpleRNN(4, return_sequences=True), L.Bidirectional(L.GRU(6, return_sequences=True)), L.EinsumDense("abc,cde->abde", output_shape=(None, 3, 5), bias_axes="de"), L.EinsumDense("abde,def->abf", output_shape=(None, 9), bias_axes="f"), L.TimeDistributed(L.Dense(3))])

    def attention():
        x = L.Input((16,))
        h = L.Embedding(100, 32)(x) + L.Embedding(16, 32, name="position_embedding")(k.ops.arange(16))
        h = L.LayerNormalization()(h + L.MultiHeadAttention(4, 8)(h, h))
        h = L.LayerNormalization()(h + L.GroupQueryAttention(8, 4, 2)(h, h))
        return k.Model(x, L.Dense(5)(h + L.Dense(32)(L.Dense(64)(h))))

    def volumes():
        return k.Sequential([L.Input((4, 16, 16, 3)), L.ConvLSTM2D(6, 3, return_sequences=True), L.Conv3D(8, 3, padding="same"), L.Conv3DTranspose(4, 2)])

    def make(name, build, stored=False):
        if not wanted(name):
            return
        model = build()
        if stored:
            path, tensors = tempfile.mktemp(suffix=".weights.h5"), []
            model.save_weights(path)
            with h5py.File(path) as file:
                file.visititems(lambda n, o: tensors.append((n, o.shape, str(o.dtype))) if isinstance(o, h5py.Dataset) else None)
        else:
            tensors = [(v.path, v.shape, str(v.dtype)) for v in model.weights]
        write(name, "keras", k.__version__, type(model).__name__, tensors, note="names of weights.h5" if stored else "")

    for name, build in [("layer_kinds", kinds), ("sequence_kinds", sequences), ("attention_kinds", attention), ("volume_kinds", volumes)]:
        make("keras_" + name, build)
        make("keras_stored_" + name, build, stored=True)
    make("keras_convnext_tiny", lambda: k.applications.ConvNeXtTiny(weights=None))
    make("keras_xception", lambda: k.applications.Xception(weights=None))


def flax():
    import flax
    import flax.linen as nn
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from flax.traverse_util import flatten_dict

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, t):
            x = nn.BatchNorm(use_running_average=False)(nn.Conv(16, (3, 3))(x))
            x = nn.Conv(32, (3, 3), feature_group_count=4)(nn.Conv(32, (3, 3), feature_group_count=16)(x))
            x = nn.ConvTranspose(24, (4, 4), strides=(2, 2), transpose_kernel=True)(nn.ConvTranspose(8, (4, 4), strides=(2, 2))(x))
            x = nn.Dense(20)(nn.PReLU()(nn.GroupNorm(4)(x)).mean((1, 2)))
            e = nn.Embed(50, 32)(t) + self.param("pos_embedding", nn.initializers.normal(0.02), (1, 12, 32))
            e = nn.MultiHeadDotProductAttention(4)(nn.LayerNorm()(e))
            e = nn.RMSNorm()(nn.DenseGeneral(32, axis=(-2, -1))(nn.DenseGeneral((4, 6))(e)))
            e = nn.RNN(nn.SimpleCell(12))(nn.RNN(nn.GRUCell(20))(nn.RNN(nn.LSTMCell(24))(e)))
            return x, nn.WeightNorm(nn.Dense(7))(nn.SpectralNorm(nn.Dense(9))(e, update_stats=True))

    if wanted("flax_linen_kinds"):
        shapes = jax.eval_shape(lambda key: Net().init(key, jnp.zeros((2, 16, 16, 3)), jnp.zeros((2, 12), jnp.int32)), jax.random.PRNGKey(0))
        tensors = [("/".join(path), x.shape, str(x.dtype)) for path, x in flatten_dict(shapes).items()]
        write("flax_linen_kinds", "flax", flax.__version__, "linen", tensors)

    class Parts(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(3, 16, (3, 3), rngs=rngs)
            self.bn = nnx.BatchNorm(16, rngs=rngs)
            self.dw = nnx.Conv(16, 16, (3, 3), feature_group_count=16, rngs=rngs)
            self.up = nnx.ConvTranspose(16, 8, (4, 4), strides=2, rngs=rngs)
            self.fc = nnx.Linear(8, 20, rngs=rngs)
            self.emb = nnx.Embed(50, 32, rngs=rngs)
            self.attn = nnx.MultiHeadAttention(4, 32, rngs=rngs)
            self.ln = nnx.LayerNorm(32, rngs=rngs)
            self.lstm = nnx.LSTMCell(32, 24, rngs=rngs)
            self.olstm = nnx.OptimizedLSTMCell(32, 24, rngs=rngs)
            self.gru = nnx.GRUCell(24, 20, rngs=rngs)
            self.lg = nnx.LinearGeneral(20, (4, 6), rngs=rngs)
            self.ein = nnx.Einsum("abc,cde->abde", (6, 3, 5), (3, 5), rngs=rngs)
            self.lora = nnx.LoRA(8, 4, 8, rngs=rngs)

    if wanted("flax_nnx_kinds"):
        state = nnx.to_flat_state(nnx.state(Parts(nnx.Rngs(0)), (nnx.Param, nnx.BatchStat)))
        tensors = [("/".join(map(str, path)), x.get_value().shape, str(x.get_value().dtype)) for path, x in state]
        write("flax_nnx_kinds", "flax", flax.__version__, "nnx", tensors)


def by_hand():
    """Lists after the naming of libraries that need not be installed."""

    def make(name, library, tensors, note=""):
        if wanted(name):
            write(name, library, "by naming", "-", [(n, s, "float32") for n, s in tensors], note=note)

    def linear(name, i, o, bias=True):
        return [(name + ".weight", (o, i))] + ([(name + ".bias", (o,))] if bias else [])

    def norm(name, d):
        return [(name + ".weight", (d,)), (name + ".bias", (d,))]

    make("haiku_kinds", "haiku", [("mlp/~/linear_0/w", (16, 32)), ("mlp/~/linear_0/b", (32,)), ("conv2_d/w", (3, 3, 3, 16)), ("conv2_d/b", (16,)), ("embed/embeddings", (100, 32)), ("layer_norm/scale", (32,)), ("layer_norm/offset", (32,)), ("batch_norm/scale", (1, 1, 1, 16)), ("batch_norm/offset", (1, 1, 1, 16)), ("batch_norm/~/mean_ema/average", (1, 1, 1, 16)), ("batch_norm/~/mean_ema/hidden", (1, 1, 1, 16)), ("lstm/linear/w", (56, 96)), ("lstm/linear/b", (96,)), ("transformer/h0_attn/query/w", (32, 64)), ("transformer/h0_attn/query/b", (64,))])
    make("mlx_kinds", "mlx", [("conv1.weight", (16, 3, 3, 3)), ("conv1.bias", (16,)), ("bn.weight", (16,)), ("bn.bias", (16,)), ("bn.running_mean", (16,)), ("bn.running_var", (16,)), ("conv2.weight", (32, 3, 3, 16)), ("conv2.bias", (32,)), ("dw.weight", (32, 5, 5, 1)), ("proj.weight", (64, 1, 1, 32)), ("conv1d.weight", (64, 4, 32)), ("conv1d.bias", (64,)), ("fc.weight", (10, 64)), ("fc.bias", (10,)), ("embed.weight", (100, 64)), ("quantized.weight", (10, 64)), ("quantized.scales", (10, 2)), ("quantized.biases", (10, 2))], "channels last")

    d, unet = 64, []
    unet += [("conv_in.weight", (d, 4, 3, 3)), ("conv_in.bias", (d,))] + linear("time_embedding.linear_1", d, 4 * d) + linear("time_embedding.linear_2", 4 * d, 4 * d)
    block = "down_blocks.0.resnets.0."
    unet += norm(block + "norm1", d) + [(block + "conv1.weight", (d, d, 3, 3)), (block + "conv1.bias", (d,))] + linear(block + "time_emb_proj", 4 * d, d) + norm(block + "norm2", d) + [(block + "conv2.weight", (d, d, 3, 3)), (block + "conv2.bias", (d,))]
    block = "down_blocks.0.attentions.0."
    unet += norm(block + "norm", d) + [(block + "proj_in.weight", (d, d, 1, 1)), (block + "proj_in.bias", (d,))]
    inner = block + "transformer_blocks.0."
    for attention, width in [("attn1", d), ("attn2", 96)]:
        for part, i in [("to_q", d), ("to_k", width), ("to_v", width)]:
            unet += linear(f"{inner}{attention}.{part}", i, d, bias=False)
        unet += linear(f"{inner}{attention}.to_out.0", d, d)
    unet += linear(inner + "ff.net.0.proj", d, 8 * d) + linear(inner + "ff.net.2", 4 * d, d)
    for n in "123":
        unet += norm(inner + "norm" + n, d)
    unet += [(block + "proj_out.weight", (d, d, 1, 1)), (block + "proj_out.bias", (d,))]
    unet += [("down_blocks.0.downsamplers.0.conv.weight", (d, d, 3, 3)), ("down_blocks.0.downsamplers.0.conv.bias", (d,)), ("up_blocks.0.upsamplers.0.conv.weight", (d, d, 3, 3)), ("up_blocks.0.upsamplers.0.conv.bias", (d,))] + norm("conv_norm_out", d) + [("conv_out.weight", (4, d, 3, 3)), ("conv_out.bias", (4,))]
    make("diffusers_unet", "diffusers", unet)

    d, dit = 48, []
    dit += [("x_embedder.proj.weight", (d, 4, 2, 2)), ("x_embedder.proj.bias", (d,)), ("pos_embed", (1, 16, d))]
    dit += linear("t_embedder.mlp.0", 256, d) + linear("t_embedder.mlp.2", d, d) + [("y_embedder.embedding_table.weight", (1001, d))]
    dit += linear("blocks.0.attn.qkv", d, 3 * d) + linear("blocks.0.attn.proj", d, d) + linear("blocks.0.mlp.fc1", d, 4 * d) + linear("blocks.0.mlp.fc2", 4 * d, d) + linear("blocks.0.adaLN_modulation.1", d, 6 * d)
    dit += linear("final_layer.linear", d, 32) + linear("final_layer.adaLN_modulation.1", d, 2 * d)
    make("dit", "DiT", dit)

    lora = linear("base.q_proj", 64, 64) + [("base.q_proj.lora_A.default.weight", (8, 64)), ("base.q_proj.lora_B.default.weight", (64, 8)), ("base.embed.weight", (100, 64)), ("base.embed.lora_embedding_A.default", (8, 100)), ("base.embed.lora_embedding_B.default", (64, 8))]
    make("peft_lora", "peft", lora)
    make("fp8_linear", "transformers", [("layers.0.mlp.down_proj.weight", (256, 512)), ("layers.0.mlp.down_proj.weight_scale_inv", (2, 4)), ("layers.0.norm.weight", (256,))], "block-quantized")


if __name__ == "__main__":
    for part in [by_hand, plain_torch, transformers, vision, keras, flax]:
        part()
