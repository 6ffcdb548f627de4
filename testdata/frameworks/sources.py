"""The laws of frameworks that are not at hand, by the formulas of their sources: sources.json.

Needs nothing. Each line is one initializer on one shape: what its source computes, written down here as arithmetic on the
shape alone, with the framework's own way of counting fans. `make.py` measures the frameworks that can be installed.

Read at: mxnet 1.x python/mxnet/initializer.py · Paddle python/paddle/nn/initializer · mindspore common/initializer.py ·
mlx python/mlx/nn/init.py and layers · tinygrad mixin/rand.py, nn · Flux.jl src/utils.jl · chainer initializers · Caffe
include/caffe/filler.hpp · Lasagne init.py · deeplearning4j WeightInitUtil.java · burn module/initializer.rs · candle-nn and
tch-rs nn/init.rs · dm-haiku initializers.py · sonnet initializers.py · fastai · gpt-neox · Megatron-LM · RWKV-LM.
"""

import json
import os
from math import erf, exp, pi, prod, sqrt

OUT, IN, FIELD = "out", "in", "field"
# What the stored dimensions mean: torch's order, Keras' and MLX'.
LINEAR, CONV, GROUPED = ([24, 96], [OUT, IN], 1), ([32, 16, 3, 3], [OUT, IN, FIELD, FIELD], 1), ([32, 4, 3, 3], [OUT, IN, FIELD, FIELD], 4)
DENSE, CONV_LAST = ([96, 24], [IN, OUT], 1), ([3, 3, 16, 32], [FIELD, FIELD, IN, OUT], 1)
MLX_CONV, MLX_GROUPED = ([32, 3, 3, 16], [OUT, FIELD, FIELD, IN], 1), ([32, 3, 3, 4], [OUT, FIELD, FIELD, IN], 4)
TABLE = ([1000, 64], [IN, OUT], 1)
LINES = []


def add(call, where, mean=0.0, std=None, bound=None, bounds=None, role="weight"):
    """One line; a bound is that of a uniform law around 0."""
    shape, dims, groups = where
    if bound is not None:
        bounds = [-bound, bound]
    if std is None:
        std = (bounds[1] - bounds[0]) / sqrt(12)
        mean = (bounds[0] + bounds[1]) / 2
    axes = {"dims": dims, **({"groups": groups} if groups > 1 else {})}
    line = {"call": call, "shape": shape, "axes": axes, "role": role, "mean": mean, "std": std}
    LINES.append({**line, **({"bounds": bounds} if bounds else {})})


def torch_fans(where):
    shape = where[0]
    return shape[1] * prod(shape[2:]), shape[0] * prod(shape[2:])


def last_fans(where):
    shape = where[0]
    return shape[-2] * prod(shape[:-2]), shape[-1] * prod(shape[:-2])


def mlx_fans(where):
    shape = where[0]
    return shape[-1] * prod(shape[1:-1]), shape[0] * prod(shape[1:-1])


def cut(mean, std, low, high):
    """Mean and standard deviation of N(mean, std²) between two values."""
    phi = lambda x: exp(-x * x / 2) / sqrt(2 * pi)
    cdf = lambda x: (1 + erf(x / sqrt(2))) / 2
    a, b = (low - mean) / std, (high - mean) / std
    mass = cdf(b) - cdf(a)
    first = (phi(a) - phi(b)) / mass
    second = 1 + (a * phi(a) - b * phi(b)) / mass - first * first
    return {"mean": mean + std * first if abs(first) > 1e-15 else mean, "std": std * sqrt(second), "bounds": [low, high]}


def small():
    """Fillers of frameworks and models that come down to one number or one rule."""
    for call, bound in [("mxnet:Uniform", 0.07), ("mindspore:Uniform", 0.07), ("chainer:Uniform", 0.05), ("lasagne:Uniform", 0.01),
                        ("mxnet:Uniform(scale=0.3)", 0.3), ("mindspore:Uniform(scale=0.3)", 0.3), ("chainer:Uniform(scale=0.3)", 0.3), ("lasagne:Uniform(range=0.3)", 0.3)]:
        add(call, LINEAR, bound=bound)
    add("tch:BatchNorm.weight", LINEAR, bounds=[0.0, 1.0])
    for call, std in [("x_transformers:token_emb", 1e-5), ("nanochat:wte", 0.8), ("nanochat:lm_head", 0.001), ("modded_nanogpt:lm_head", 0.005), ("irnn:input", 0.001)]:
        add(call, LINEAR, std=std)
    for call in ["dit:adaLN_modulation", "controlnet:zero_conv", "detr:bbox_embed.last", "piratenet:alpha"]:
        add(call, LINEAR, std=0.0)
    fan_in = 96
    add("flax:zeros_init", LINEAR, std=0.0)
    add("flax:ones_init", LINEAR, mean=1.0, std=0.0)
    add("lux:orthogonal", CONV_LAST, std=1 / sqrt(144))
    add("lux:sparse_init(sparsity=0.25, std=2)", LINEAR, std=2 * sqrt(18 / 24))
    add("dfdx:Linear.weight", LINEAR, bound=1 / sqrt(fan_in))
    add("nanochat:mlp.c_fc", LINEAR, bound=0.4 * sqrt(3 / fan_in))
    add("modded_nanogpt:attn.qkvo", LINEAR, bound=0.5 * sqrt(3 / fan_in))
    for where in [DENSE, CONV_LAST]:
        fan_in, _ = last_fans(where)
        add("flux:kaiming_normal", where, std=sqrt(2 / fan_in))
        add("flux:kaiming_uniform", where, bound=sqrt(6 / fan_in))
        add("flux:lecun_normal", where, **cut(0.0, 1 / sqrt(fan_in), -2.0, 2.0))
    for call, gain in [("allennlp:block_orthogonal", 1.0), ("allennlp:block_orthogonal(gain=3)", 3.0), ("glow:invconv", 1.0), ("ppo:hidden", sqrt(2)), ("ppo:policy_head", 0.01)]:
        add(call, LINEAR, std=gain / sqrt(96))
    add("llm_foundry:small_param_init_(d_model=640)", LINEAR, std=sqrt(2 / (5 * 640)))
    add("llm_foundry:neox_param_init_.out(n_layers=10, d_model=256)", LINEAR, std=sqrt(2 / (5 * 256)) / (10 / sqrt(10)))


def plain():
    """Constants, uniforms and normals: the defaults, and one setting with the framework's words."""
    for call in ["sonnet:Zeros", "mxnet:Zero", "mindspore:Zero", "tinygrad:zeros", "flux:zeros32", "chainer:Zero", "dl4j:ZERO", "burn:Zeros", "candle:ZERO",
                 "paddle:Constant", "caffe:constant", "lasagne:Constant", "tf1:zeros_initializer", "peft:lora_B", "skip_init:alpha", "rezero:alpha", "timm:zero_init_last",
                 "lux:zeros32", "x_transformers:zero_init_branch_output", "glow:coupling.last", "peft:boft_R"]:
        add(call, LINEAR, std=0.0)
    for call in ["sonnet:Ones", "mxnet:One", "mindspore:One", "tinygrad:ones", "flux:ones32", "chainer:One", "dl4j:ONES", "burn:Ones", "candle:ONE", "mamba:D"]:
        add(call, LINEAR, mean=1.0, std=0.0)
    for call in ["haiku:Constant(constant=2.5)", "sonnet:Constant(value=2.5)", "mxnet:Constant(value=2.5)", "mindspore:Constant(value=2.5)", "mlx:constant(value=2.5)",
                 "chainer:Constant(fill_value=2.5)", "lasagne:Constant(val=2.5)", "burn:Constant(value=2.5)", "candle:Const(value=2.5)", "tch:Const(value=2.5)", "onnx:ConstantOfShape(value=2.5)"]:
        add(call, LINEAR, mean=2.5, std=0.0)
    for call in ["lux:ones32", "hf:bamba.dt_bias", "hf:qwen3_next.dt_bias"]:
        add(call, LINEAR, mean=1.0, std=0.0)
    add("lux:rand32", LINEAR, bounds=[0.0, 1.0])
    add("lux:randn32", LINEAR, std=1.0)
    add("fairseq:LSTM", LINEAR, bound=0.1)
    add("urnn:D", LINEAR, bound=pi)
    add("urnn:R", LINEAR, bound=1.0)
    add("xlstm_large:igate.bias", LINEAR, mean=-10.0, std=0.0)
    add("llm_foundry:baseline_param_init_(init_std=0.03)", LINEAR, std=0.03)
    add("dyt:alpha", LINEAR, mean=0.5, std=0.0)
    add("centernet:heatmap.bias", LINEAR, mean=-2.19, std=0.0)
    add("flax:PReLU.negative_slope", LINEAR, mean=0.01, std=0.0)
    add("mup:ones_", LINEAR, mean=1.0, std=0.0)
    for call, low, high in [("onnx:RandomUniformLike", 0.0, 1.0), ("fairseq:Linear", -0.1, 0.1), ("funnel:attention", 0.0, 0.1)]:
        add(call, LINEAR, bounds=[low, high])
    add("onnx:RandomNormalLike(mean=1, scale=3)", LINEAR, mean=1.0, std=3.0)
    add("hf:blip.initializer_range", LINEAR, std=1e-10)
    for where in [LINEAR, CONV]:
        add("fairseq:ConvTBC", where, std=sqrt(4 / torch_fans(where)[0]))
    for call in ["haiku:RandomUniform", "sonnet:RandomUniform", "mlx:uniform", "tinygrad:uniform", "flux:rand32", "caffe:uniform", "burn:Uniform", "candle:Uniform", "tch:Uniform", "onnx:RandomUniform"]:
        add(call, LINEAR, bounds=[0.0, 1.0])
    for call in ["haiku:RandomUniform(minval=-2, maxval=1)", "sonnet:RandomUniform(minval=-2, maxval=1)", "mlx:uniform(low=-2, high=1)", "tinygrad:uniform(low=-2, high=1)", "caffe:uniform(min=-2, max=1)",
                 "burn:Uniform(min=-2, max=1)", "candle:Uniform(lo=-2, up=1)", "tch:Uniform(lo=-2, up=1)", "paddle:Uniform(low=-2, high=1)"]:
        add(call, LINEAR, bounds=[-2.0, 1.0])
    add("paddle:Uniform", LINEAR, bound=1.0)
    for std, calls in {
        1.0: ["haiku:RandomNormal", "sonnet:RandomNormal", "paddle:Normal", "mlx:normal", "tinygrad:normal", "flux:randn32", "caffe:gaussian", "burn:Normal", "candle:Randn", "tch:Randn", "onnx:RandomNormal", "umup:weight"],
        0.01: ["mxnet:Normal", "mindspore:Normal", "lasagne:Normal"],
        0.05: ["chainer:Normal"],
        0.02: ["megatron:init_method_normal(sigma=0.02)", "neox:normal(sigma=0.02)", "dcgan:conv", "peft:adalora"],
        0.1: ["xlstm:mlstm.igate.bias"],
    }.items():
        for call in calls:
            add(call, LINEAR, std=std)
    add("dcgan:bn", LINEAR, mean=1.0, std=0.02)
    for call in ["haiku:RandomNormal(mean=1, stddev=3)", "paddle:Normal(mean=1, std=3)", "mlx:normal(mean=1, std=3)", "tinygrad:normal(mean=1, std=3)", "caffe:gaussian(mean=1, std=3)",
                 "lasagne:Normal(mean=1, std=3)", "burn:Normal(mean=1, std=3)", "candle:Randn(mean=1, stdev=3)", "tch:Randn(mean=1, stdev=3)", "mindspore:Normal(mean=1, sigma=3)", "onnx:RandomNormal(mean=1, scale=3)"]:
        add(call, LINEAR, mean=1.0, std=3.0)
    add("mxnet:Normal(sigma=3)", LINEAR, std=3.0)
    add("chainer:Normal(scale=3)", LINEAR, std=3.0)


def truncated():
    """Absolute bounds, bounds in standard deviations, and a remainder."""
    for name, low, high in [("paddle:TruncatedNormal", "a", "b"), ("flux:truncated_normal", "lo", "hi"), ("timm:trunc_normal_", "a", "b")]:
        add(name, LINEAR, **cut(0.0, 1.0, -2.0, 2.0))
        add(f"{name}(mean=0.5, std=2, {low}=-1, {high}=3)", LINEAR, **cut(0.5, 2.0, -1.0, 3.0))
    for name, std, scale in [("haiku:TruncatedNormal", "stddev", 1.0), ("sonnet:TruncatedNormal", "stddev", 1.0), ("mindspore:TruncatedNormal", "sigma", 0.01), ("timm:trunc_normal_tf_", "std", 1.0)]:
        add(name, LINEAR, **cut(0.0, scale, -2 * scale, 2 * scale))
        add(f"{name}({std}=3, mean=1)", LINEAR, **cut(1.0, 3.0, -5.0, 7.0))
    add("haiku:TruncatedNormal(lower=-1, upper=3)", LINEAR, **cut(0.0, 1.0, -1.0, 3.0))
    add("olmo_core:init_linear(std=0.02)", LINEAR, **cut(0.0, 0.02, -0.06, 0.06))
    # fmod(z, 2) folds [2k, 2k + 2] onto [0, 2]: the second moment, panel by panel, by Simpson's rule.
    steps, total = 2000, 0.0
    for k in range(8):
        for i in range(steps + 1):
            x = 2.0 * i / steps
            weight = (1 if i in (0, steps) else 4 if i % 2 else 2) * 2.0 / steps / 3
            total += weight * x * x * exp(-((2 * k + x) ** 2) / 2) * 2 / sqrt(2 * pi)
    add("fastai:trunc_normal_", LINEAR, std=sqrt(total))
    add("fastai:trunc_normal_(std=0.01)", LINEAR, std=0.01 * sqrt(total))


def glorot(name, fans, places, uniform=None, normal=None, gain="gain"):
    for where in places:
        fan_in, fan_out = fans(where)
        for arguments, factor in [("", 1.0)] + ([(f"({gain}=3)", 3.0)] if gain else []):
            if normal:
                add(f"{name}:{normal}{arguments}", where, std=factor * sqrt(2 / (fan_in + fan_out)))
            if uniform:
                add(f"{name}:{uniform}{arguments}", where, bound=factor * sqrt(6 / (fan_in + fan_out)))


def glorots():
    torch = [LINEAR, CONV, GROUPED]
    glorot("paddle", torch_fans, [CONV, GROUPED], "XavierUniform", "XavierNormal")
    glorot("paddle", last_fans, [DENSE], "XavierUniform", "XavierNormal")
    glorot("mindspore", torch_fans, torch, "XavierUniform", "XavierNormal")
    glorot("chainer", torch_fans, torch, "GlorotUniform", "GlorotNormal", "scale")
    glorot("lasagne", torch_fans, [CONV], "GlorotUniform", "GlorotNormal")
    glorot("lasagne", last_fans, [DENSE], "GlorotUniform", "GlorotNormal")
    glorot("mlx", mlx_fans, [LINEAR, MLX_CONV, MLX_GROUPED], "glorot_uniform", "glorot_normal")
    glorot("flux", last_fans, [CONV_LAST], "glorot_uniform", "glorot_normal")
    glorot("flux", torch_fans, [LINEAR], "glorot_uniform", "glorot_normal")
    glorot("tinygrad", lambda where: (prod(where[0][1:]), where[0][0]), [LINEAR, CONV], "glorot_uniform", gain=None)
    glorot("burn", torch_fans, [LINEAR, CONV], "XavierUniform", "XavierNormal")
    # burn's layers pass out/groups, alone of all.
    fan_in, fan_out = torch_fans(GROUPED)
    add("burn:XavierNormal", GROUPED, std=sqrt(2 / (fan_in + fan_out / 4)))
    glorot("neox", torch_fans, [LINEAR], "xavier_uniform", "xavier_normal", None)
    glorot("dl4j", torch_fans, [LINEAR, CONV], "XAVIER_UNIFORM", "XAVIER", None)
    glorot("timm", torch_fans, [LINEAR], "vit.jax.qkv", None, None)
    glorot("tf1", last_fans, [DENSE, CONV_LAST], "glorot_uniform_initializer", None, None)
    glorot("fairseq", torch_fans, [LINEAR], "MultiheadAttention.out_proj", None, None)
    add("fairseq:MultiheadAttention.q_proj", LINEAR, bound=sqrt(6 / 120) / sqrt(2))
    for where in [LINEAR, CONV]:
        fan_in, fan_out = torch_fans(where)
        add("dl4j:SIGMOID_UNIFORM", where, bound=4 * sqrt(6 / (fan_in + fan_out)))
        mean = (fan_in + fan_out) / 2
        add("mxnet:Xavier", where, bound=sqrt(3 / mean))
        add("mxnet:Xavier(rnd_type=gaussian, factor_type=in, magnitude=2)", where, std=sqrt(2 / fan_in))
        add("mxnet:Xavier(rnd_type=gaussian)", where, std=sqrt(3 / mean))
        add("mxnet:Xavier(factor_type=out, magnitude=2.34)", where, bound=sqrt(2.34 / fan_out))
        add("mxnet:MSRAPrelu", where, std=sqrt(2 / (1 + 0.25**2) / mean))
        add("mxnet:MSRAPrelu(factor_type=in, slope=0)", where, std=sqrt(2 / fan_in))


def scaled(name, where, fan, numerator, arguments=""):
    """Normal and uniform laws of one variance, whose names differ in their last word."""
    normal, uniform = name
    if normal:
        add(normal + arguments, where, std=sqrt(numerator / fan))
    if uniform:
        add(uniform + arguments, where, bound=sqrt(3 * numerator / fan))


def hes():
    for where in [LINEAR, CONV, GROUPED]:
        fan_in, fan_out = torch_fans(where)
        mean = (fan_in + fan_out) / 2
        scaled(("mindspore:HeNormal", "mindspore:HeUniform"), where, fan_in, 2)
        scaled(("mindspore:HeNormal", "mindspore:HeUniform"), where, fan_out, 2 / 1.25, "(negative_slope=0.5, mode=fan_out)")
        scaled(("tinygrad:kaiming_normal", "tinygrad:kaiming_uniform"), where, fan_in, 2 / (1 + 0.01**2))
        scaled(("tinygrad:kaiming_normal", "tinygrad:kaiming_uniform"), where, fan_in, 2 / 6, "(a=2.23606797749979)")
        scaled(("chainer:HeNormal", "chainer:HeUniform"), where, fan_in, 2)
        scaled(("chainer:HeNormal", None), where, fan_out, 2, "(fan_option=fan_out)")
        scaled(("chainer:LeCunNormal", "chainer:LeCunUniform"), where, fan_in, 1)
        scaled(("chainer:LeCunNormal", "chainer:LeCunUniform"), where, fan_in, 9, "(scale=3)")
        scaled(("caffe:msra", None), where, fan_in, 2)
        scaled(("caffe:msra", None), where, mean, 2, "(variance_norm=AVERAGE)")
        scaled((None, "caffe:xavier"), where, fan_in, 1)
        scaled((None, "caffe:xavier"), where, fan_out, 1, "(variance_norm=FAN_OUT)")
        for dialect in ["candle", "tch"]:
            scaled((f"{dialect}:Kaiming.Normal", f"{dialect}:Kaiming.Uniform"), where, fan_in, 2)
            scaled((f"{dialect}:Kaiming.Normal", f"{dialect}:Kaiming.Uniform"), where, fan_out, 25 / 9, "(fan=FanOut, non_linearity=Tanh)")
        scaled(("torchvision:resnet.conv", None), where, fan_out, 2)
        scaled(("timm:efficientnet.conv", None), where, fan_out / where[2], 2)
    for where in [CONV, GROUPED]:
        fan_in, fan_out = torch_fans(where)
        scaled(("paddle:KaimingNormal", "paddle:KaimingUniform"), where, fan_in, 2)
        scaled(("paddle:nn.Conv2D.weight", None), where, fan_in * where[2], 2)
    scaled(("paddle:KaimingNormal", "paddle:KaimingUniform"), DENSE, 96, 2 / 1.25, "(negative_slope=0.5, nonlinearity=leaky_relu)")
    scaled(("nfnet:WSConv2d", None), LINEAR, 96, 1 / (0.5 - 1 / (2 * pi)))
    for where, fans in [(LINEAR, mlx_fans), (MLX_CONV, mlx_fans), (MLX_GROUPED, mlx_fans)]:
        fan_in, fan_out = fans(where)
        scaled(("mlx:he_normal", "mlx:he_uniform"), where, fan_in, 1)
        scaled(("mlx:he_normal", "mlx:he_uniform"), where, fan_out, 4, "(mode=fan_out, gain=2)")
    for where, fan_in in [(DENSE, 96), (CONV, 144)]:
        scaled(("lasagne:HeNormal", "lasagne:HeUniform"), where, fan_in, 1)
        scaled(("lasagne:HeNormal", "lasagne:HeUniform"), where, fan_in, 2, "(gain=1.4142135623730951)")
    for where in [LINEAR, CONV]:
        fan_in, fan_out = torch_fans(where)
        mean = (fan_in + fan_out) / 2
        scaled(("dl4j:RELU", "dl4j:RELU_UNIFORM"), where, fan_in, 2)
        for name in ["NORMAL", "LECUN_NORMAL", "XAVIER_FAN_IN", "VAR_SCALING_NORMAL_FAN_IN"]:
            scaled((f"dl4j:{name}", None), where, fan_in, 1)
        add("dl4j:UNIFORM", where, bound=1 / sqrt(fan_in))
        for name, fan in [("LECUN_UNIFORM", fan_in), ("VAR_SCALING_UNIFORM_FAN_IN", fan_in), ("VAR_SCALING_UNIFORM_FAN_OUT", fan_out), ("VAR_SCALING_UNIFORM_FAN_AVG", mean)]:
            add(f"dl4j:{name}", where, bound=3 / sqrt(fan))
        add("dl4j:VAR_SCALING_NORMAL_FAN_OUT", where, std=1 / sqrt(fan_out))
        add("dl4j:VAR_SCALING_NORMAL_FAN_AVG", where, std=1 / sqrt(mean))
        scaled(("burn:KaimingNormal", "burn:KaimingUniform"), where, fan_in, 1)
        scaled(("burn:KaimingNormal", "burn:KaimingUniform"), where, fan_in, 9, "(gain=3)")
        for name in ["burn:Linear.weight", "mlx:nn.Linear.weight", "equinox:nn.Linear.weight", "tinygrad:nn.Linear.weight", "candle:linear.bias", "mamba:dt_proj.weight"]:
            add(name, where, bound=1 / sqrt(fan_in))
    add("dl4j:XAVIER_LEGACY", LINEAR, std=1 / sqrt(24 + 96))
    for where in [MLX_CONV, MLX_GROUPED]:
        add("mlx:nn.Conv2d.weight", where, bound=1 / sqrt(16 * 9))


def scalings():
    for where in [DENSE, CONV_LAST]:
        fan_in, fan_out = last_fans(where)
        for dialect in ["haiku", "sonnet"]:
            name = f"{dialect}:VarianceScaling"
            c2 = cut(0.0, 1.0, -2.0, 2.0)["std"]
            width = sqrt(1 / fan_in) / c2
            add(name, where, **cut(0.0, width, -2 * width, 2 * width))
            add(f"{name}(scale=2, mode=fan_out, distribution=normal)", where, std=sqrt(2 / fan_out))
            add(f"{name}(scale=2, mode=fan_avg, distribution=uniform)", where, bound=sqrt(12 / (fan_in + fan_out)))
        add("haiku:UniformScaling", where, bound=sqrt(3 / prod(where[0][:-1])))
        add("haiku:UniformScaling(scale=2)", where, bound=2 * sqrt(3 / prod(where[0][:-1])))
        add("tf1:uniform_unit_scaling_initializer(factor=1.43)", where, bound=1.43 * sqrt(3 / prod(where[0][:-1])))
        width = 1 / sqrt(fan_in)
        add("haiku:Linear.w", where, **cut(0.0, width, -2 * width, 2 * width))
        add("ddpm:default_init", where, bound=sqrt(6 / (fan_in + fan_out)))
    for where in [LINEAR, CONV]:
        fan_in, fan_out = torch_fans(where)
        # 'truncated_normal' falls through to uniform: the branch asks for 'truncated_norm'.
        add("mindspore:VarianceScaling", where, bound=sqrt(3 / fan_in))
        add("mindspore:VarianceScaling(scale=2, mode=fan_out, distribution=untruncated_normal)", where, std=sqrt(2 / fan_out))
        add("tinygrad:scaled_uniform", where, bound=1 / sqrt(prod(where[0])))
        add("funnel:fan", where, std=sqrt(1 / (fan_in + fan_out)))
        width = 1 / sqrt(fan_in) / cut(0.0, 1.0, -2.0, 2.0)["std"]
        add("hf:lecun_normal_", where, **cut(0.0, width, -2.0, 2.0))
    add("hf:default_flax_embed_init_", TABLE, std=1 / 8, role="embedding")
    add("recurrentgemma:rg_lru.gate", LINEAR, std=96**-0.5)
    add("mamba:conv1d.weight", GROUPED, bound=(4 * 9) ** -0.5)
    add("peft:c3a", LINEAR, bound=sqrt(6 / 120))
    add("nnx:modified_orthogonal", LINEAR, std=96**-0.5)
    add("xlstm:small_init_init_(dim=640)", LINEAR, std=sqrt(2 / (5 * 640)))
    add("xlstm:wang_init_(dim=256, num_blocks=10)", LINEAR, std=2 / (10 * 16))
    width = 1 / sqrt(96)
    add("olmo:mitchell.in(init_cutoff_factor=2)", LINEAR, **cut(0.0, width, -2 * width, 2 * width))
    width = 1 / sqrt(2 * 96 * 4)
    add("olmo:mitchell.out(layer=4)", LINEAR, **cut(0.0, width, -3 * width, 3 * width))
    add("nanochat:attn.c_q", LINEAR, bound=sqrt(3) / sqrt(96))
    add("t5:wi", LINEAR, std=96**-0.5)
    for name in ["torchrec:EmbeddingBag", "dlrm:EmbeddingBag"]:
        add(name, TABLE, bound=1 / sqrt(1000), role="embedding")
    add("flax:Embed.embedding", TABLE, std=1 / 8, role="embedding")


def structures():
    """Semi-orthogonal matrices: every element has gain²/(longer side); identities."""
    for name, gain, word in [("haiku:Orthogonal", 1, "scale"), ("sonnet:Orthogonal", 1, "gain"), ("tf1:orthogonal_initializer", 1, "gain"), ("flux:orthogonal", 1, "gain")]:
        add(name, CONV_LAST, std=gain / sqrt(144))
        add(f"{name}({word}=3)", DENSE, std=3 / sqrt(96))
    for name, gain, word in [("paddle:Orthogonal", 1, "gain"), ("mindspore:Orthogonal", 1, "gain"), ("mxnet:Orthogonal", 1.414, "scale"), ("chainer:Orthogonal", 1.1, "scale"), ("lasagne:Orthogonal", 1, "gain"), ("burn:Orthogonal", 1, "gain"), ("tch:Orthogonal", 1, "gain"), ("mlx:orthogonal", 1, "gain")]:
        add(name, LINEAR, std=gain / sqrt(96))
        add(f"{name}({word}=3)", LINEAR, std=3 / sqrt(96))
    ones = 24 / (24 * 96)
    for name in ["haiku:Identity", "sonnet:Identity", "tf1:identity_initializer", "mindspore:Identity", "mlx:identity", "flux:identity_init", "chainer:Identity", "dl4j:IDENTITY", "onnx:EyeLike", "mup:eye_"]:
        add(name, LINEAR, mean=ones, std=sqrt(ones * (1 - ones)))
    share = 16 / (32 * 16 * 9)
    for name in ["paddle:Dirac", "mindspore:Dirac"]:
        add(name, CONV, mean=share, std=sqrt(share * (1 - share)))
        add(f"{name}(groups=4)", CONV, mean=2 * share, std=sqrt(2 * share * (1 - 2 * share)))
    for name in ["tf1:convolutional_delta_orthogonal"]:
        add(name, CONV_LAST, std=1 / sqrt(32 * 9))
    add("mindspore:Sparse(sparsity=0.25, sigma=2)", LINEAR, std=2 * sqrt(18 / 24))
    add("flux:sparse_init(sparsity=0.25, std=2)", LINEAR, std=2 * sqrt(18 / 24))


if __name__ == "__main__":
    for part in [plain, small, truncated, glorots, hes, scalings, structures]:
        part()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sources.json")
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(" " + json.dumps(line) for line in LINES) + "\n]\n")
