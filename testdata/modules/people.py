"""Networks as people write them in their own repositories: layers in sequences, parameters without a module, buffers.

What their own parameters are is written down beside them; the rest says what it is itself.
"""

import torch
from kinds import own
from torch import nn
from torch.nn.utils import spectral_norm, weight_norm

own(r"Kernel", r"log_dt|log_A_real|A_imag|C", "special")
own(r"Layer", r"D", "special")
own(r"Policy", r"log_std", "special")
own(r"Relational", r"weight", "weight SIO")
own(r"Relational|Attentive", r"bias", "bias")
own(r"ActNorm", r"loc", "shift")
own(r"ActNorm", r"scale", "scale")
own(r"Quantizer", r"_ema_w", "statistic")
own(r"Styled", r"noise_strength", "special")
own(r"Styled", r"weight", "weight OIKK")
own(r"Styled", r"bias", "bias")
own(r"Pool", r"latent_query", "position|embedding")


def module(kind, **parts):
    """A module of a class named `kind` that holds these parts."""
    made = type(kind, (nn.Module,), {})()
    for name, part in parts.items():
        if isinstance(part, nn.Parameter):
            made.register_parameter(name, part)
        elif isinstance(part, torch.Tensor):
            made.register_buffer(name, part)
        else:
            setattr(made, name, part)
    return made


def parameter(*shape):
    return nn.Parameter(torch.empty(shape))


def gan():
    up, down, norm = nn.ConvTranspose2d, nn.Conv2d, nn.BatchNorm2d
    generator = nn.Sequential(up(100, 512, 4, 1, 0, bias=False), norm(512), nn.ReLU(), up(512, 256, 4, 2, 1, bias=False), norm(256),
                              nn.ReLU(), up(256, 128, 4, 2, 1, bias=False), norm(128), nn.ReLU(), up(128, 3, 4, 2, 1, bias=False))
    critic = nn.Sequential(down(3, 128, 4, 2, 1, bias=False), nn.LeakyReLU(), down(128, 256, 4, 2, 1, bias=False), norm(256),
                           down(256, 1, 4, bias=False))
    styled = module("Styled", weight=parameter(64, 128, 3, 3), bias=parameter(64), noise_strength=parameter(), affine=nn.Linear(32, 128),
                    noise_const=torch.empty(8, 8), resample_filter=torch.empty(4, 4))
    return module("Gan", generator=module("Net", main=generator), discriminator=module("Net", main=critic), b8=module("Block", conv0=styled),
                  mapping=module("Net", fc0=nn.Linear(32, 32), w_avg=torch.empty(32)))


def vocoder():
    def block(c):
        return module("Block", convs1=nn.ModuleList(weight_norm(nn.Conv1d(c, c, 3)) for _ in range(2)))

    def critic(i, o, k, g=1):
        return spectral_norm(nn.Conv1d(i, o, k, 2, groups=g))

    ups = nn.ModuleList([weight_norm(nn.ConvTranspose1d(128, 64, 16, 8, 4)), weight_norm(nn.ConvTranspose1d(64, 32, 4, 2, 1))])
    return module("Vocoder", conv_pre=weight_norm(nn.Conv1d(80, 128, 7)), ups=ups, resblocks=nn.ModuleList([block(64), block(32)]),
                  conv_post=weight_norm(nn.Conv1d(32, 1, 7)), up1=nn.ConvTranspose2d(64, 64, 4, 2, groups=4),
                  deconv2=nn.ConvTranspose2d(64, 48, 3, 2, groups=4),
                  msd=module("Net", convs=nn.ModuleList([critic(1, 128, 15), critic(128, 128, 41, 4), critic(128, 256, 41, 16)])))


def states():
    def layer():
        kernel = module("Kernel", C=parameter(64, 16, 2), log_dt=parameter(64), log_A_real=parameter(64, 16), A_imag=parameter(64, 16))
        return module("Layer", D=parameter(64), kernel=kernel, output_linear=nn.Sequential(nn.Conv1d(64, 128, 1), nn.GLU(-2)))

    return module("Net", encoder=nn.Linear(3, 64), s4_layers=nn.ModuleList([layer(), layer()]),
                  norms=nn.ModuleList([nn.LayerNorm(64), nn.LayerNorm(64)]), decoder=nn.Linear(64, 10))


def mixed():
    attention = module("Block", norm=nn.GroupNorm(8, 64), qkv=nn.Conv2d(64, 192, 1), proj_out=nn.Conv2d(64, 64, 1))
    quantizer = module("Quantizer", _embedding=nn.Embedding(512, 64), _ema_w=parameter(512, 64), _ema_cluster_size=torch.empty(512))
    statistics = module("Running", mean=torch.empty(17), var=torch.empty(17), count=torch.empty(()))
    policy = module("Policy", actor=nn.Sequential(nn.Linear(17, 64), nn.Tanh(), nn.Linear(64, 6)), log_std=parameter(1, 6), obs_rms=statistics)
    graph = module("Relational", weight=parameter(5, 64, 64), bias=parameter(64))
    flow = module("Flow", actnorm=module("ActNorm", loc=parameter(1, 12, 1, 1), scale=parameter(1, 12, 1, 1)), conv=nn.Conv2d(6, 24, 3))
    cache = module("Attention", wq=nn.Linear(64, 64, bias=False), kv_cache=torch.empty(2, 16, 64))
    return module("Net", stem=nn.Conv2d(3, 64, 3), attn=attention, _vq_vae=quantizer, policy=policy, convs=nn.ModuleList([graph]),
                  flows=nn.ModuleList([flow]), layers=nn.ModuleList([cache]), query_feat=nn.Embedding(300, 64),
                  pool=module("Pool", latent_query=parameter(16, 64)), version=torch.empty(1),
                  pixel_mean=torch.empty(3, 1, 1), pixel_std=torch.empty(3, 1, 1))


NETWORKS = {"people_gan": gan, "people_vocoder": vocoder, "people_states": states, "people_mixed": mixed}


def scanned():
    """Parameters of layers that Flax runs in a loop: `nn.scan` puts the layer first, others second."""
    lines = [("params/token_embedder/embedding", (3000, 512), "embedding IO")]
    first, second = "params/encoder/layers/", "params/decoder/layers/"
    for name, shape, what in [
        ("attention/query/kernel", (12, 512, 512), "weight SIO"), ("attention/query/bias", (12, 512), "bias"),
        ("attention/out/kernel", (12, 512, 512), "weight SIO"), ("attention/out/bias", (12, 512), "bias"),
        ("LayerNorm_0/scale", (12, 512), "scale"), ("LayerNorm_0/bias", (12, 512), "shift"),
        ("mlp/Dense_0/kernel", (12, 512, 2048), "weight SIO"), ("mlp/Dense_0/bias", (12, 2048), "bias"),
        ("mlp/Dense_1/kernel", (12, 2048, 512), "weight SIO"), ("mlp/Dense_1/bias", (12, 512), "bias"),
    ]:
        lines.append((first + name, shape, what))
    for name, shape, what in [
        ("self_attention/query/kernel", (512, 12, 8, 64), "weight ISOO"), ("self_attention/out/kernel", (8, 12, 64, 512), "weight ISIO"),
        ("pre_self_attention_layer_norm/scale", (512, 12), "scale"), ("mlp/wi_0/kernel", (512, 12, 1024), "weight ISO"),
        ("mlp/wo/kernel", (1024, 12, 512), "weight ISO"),
    ]:
        lines.append((second + name, shape, what))
    return lines + [("params/decoder/decoder_norm/scale", (512,), "scale"), ("params/decoder/logits_dense/kernel", (512, 3000), "weight IO")]
