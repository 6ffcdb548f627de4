"""The authors' own code, from checkouts of their repositories in one folder: CLIP, DiT, Fixup, mamba, mup, nanoGPT, OLMo,
RWKV-LM, siren, torchscale, guided-diffusion, gpt-neox, Megatron-LM, T-Fixup. Needs einops and omegaconf besides torch and timm.

Only constructors run. Modules that need a GPU or another package to be imported are replaced by stand-ins.
"""

import importlib.abc
import importlib.machinery
import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

from measure import torch_model, write

SIZES = dict(n_layer=3, n_head=4, n_embd=64)


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports of these packages, and of everything in them, give objects that take any call."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        ours = any(name == own or name.startswith(own + ".") for own in self.names)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if ours else None

    def create_module(self, spec):
        module = MagicMock()
        module.__spec__, module.__path__, module.__name__ = spec, [], spec.name
        return module

    def exec_module(self, module):
        pass


def stand_in(*names):
    sys.meta_path.insert(0, StandIns(names))


def alone(folder, path):
    """Makes the modules under folder/path the ones that `import` finds, whatever was imported under their names before."""
    root = os.path.join(folder, path)
    own = {name.split(".")[0] for name in os.listdir(root)}
    for name in [name for name in sys.modules if name.split(".")[0] in own]:
        del sys.modules[name]
    sys.path.insert(0, root)


def nanogpt(folder):
    alone(folder, "nanoGPT")
    from model import GPT, GPTConfig

    return [("nanogpt", lambda: GPT(GPTConfig(block_size=64, vocab_size=100, bias=True, **SIZES)))]


def clip(folder):
    stand_in("ftfy", "regex")
    alone(folder, "CLIP/clip")
    from model import CLIP

    vit = lambda: CLIP(64, 64, 3, 64, 8, 64, 100, 64, 4, 2)
    return [("clip", vit), ("clip_resnet", lambda: CLIP(64, 64, (1, 1, 1, 1), 16, None, 64, 100, 64, 4, 2))]


def dit(folder):
    alone(folder, "DiT")
    from models import DiT

    return [("dit", lambda: DiT(input_size=16, patch_size=2, hidden_size=64, depth=3, num_heads=4, num_classes=100))]


def guided_diffusion(folder):
    stand_in("mpi4py", "blobfile")
    alone(folder, "guided-diffusion")
    from guided_diffusion.unet import UNetModel

    return [("unet", lambda: UNetModel(image_size=32, in_channels=3, model_channels=32, out_channels=6, num_res_blocks=1,
                                       attention_resolutions=(2,), channel_mult=(1, 2), num_classes=80, num_heads=2,
                                       use_scale_shift_norm=True))]


def mamba(folder):
    import torch

    stand_in("selective_scan_cuda", "causal_conv1d", "mamba_ssm.modules.mamba3", "mamba_ssm.ops.triton.ssd_combined", "mamba_ssm.ops.triton.selective_state_update")
    package = ModuleType("mamba_ssm")
    package.__path__ = [os.path.join(folder, "mamba/mamba_ssm")]
    sys.modules["mamba_ssm"] = package
    torch.cuda.get_device_properties = lambda *_: SimpleNamespace(multi_processor_count=1)
    from mamba_ssm.models.config_mamba import MambaConfig
    from mamba_ssm.models.mixer_seq_simple import MambaLMHeadModel

    def build(**ssm):
        config = MambaConfig(d_model=64, n_layer=3, vocab_size=100, ssm_cfg=ssm, rms_norm=True, fused_add_norm=False)
        return lambda: MambaLMHeadModel(config)

    return [("mamba", build(layer="Mamba1", dt_rank=32)), ("mamba2", build(layer="Mamba2", headdim=16, d_state=16))]


def olmo(folder):
    stand_in("boto3", "botocore", "cached_path", "datasets", "olmo_data", "google", "importlib_resources", "rich")
    alone(folder, "OLMo")
    from olmo.config import ModelConfig
    from olmo.model import OLMo

    def build(scheme, **more):
        return lambda: OLMo(ModelConfig(d_model=64, n_heads=4, n_layers=3, vocab_size=100, embedding_size=128, max_sequence_length=64,
                                        mlp_hidden_size=256, activation_type="swiglu", init_fn=scheme, rope=True,
                                        weight_tying=False, include_bias=False, **more))

    return [("olmo_" + scheme, build(scheme)) for scheme in ("mitchell", "full_megatron", "normal")]


def torchtitan(folder):
    stand_in("spmd_types", "tyro", "torchao", "datasets", "tokenizers")
    alone(folder, "torchtitan")
    from torchtitan.models import llama3

    def build():
        config = llama3._debugmodel("flex")
        model = config.build()
        model.init_states()
        return model

    return [("torchtitan", build)]


def rwkv(folder):
    # Compiled modules hide from `RWKV_Init` which layers are to start at zero.
    os.environ["PYTORCH_JIT"] = "0"
    import torch.utils.cpp_extension

    torch.utils.cpp_extension.load = MagicMock()
    os.environ.update(RWKV_FLOAT_MODE="32", RWKV_RUN_DEVICE="cpu")
    stand_in("deepspeed")
    alone(folder, "RWKV-LM/RWKV-v4")
    from src.model import GPT, GPTConfig, RWKV_Init

    def build():
        config = GPTConfig(100, 64, model_type="RWKV", **SIZES)
        model = GPT(config)
        RWKV_Init(model, config)
        return model

    return [("rwkv", build)]


def torchscale(folder):
    stand_in("fairscale")
    alone(folder, "torchscale")
    import torch
    from torchscale.architecture.config import DecoderConfig, EncoderConfig, EncoderDecoderConfig
    from torchscale.architecture.decoder import Decoder
    from torchscale.architecture.encoder import Encoder
    from torchscale.architecture.encoder_decoder import EncoderDecoder

    def sizes(side):
        return {f"{side}_embed_dim": 64, f"{side}_attention_heads": 4, f"{side}_ffn_embed_dim": 128}

    def encoder(**kind):
        return lambda: Encoder(EncoderConfig(encoder_layers=3, vocab_size=-1, **sizes("encoder"), **kind))

    def both(**kind):
        config = EncoderDecoderConfig(encoder_layers=3, decoder_layers=2, vocab_size=100, share_all_embeddings=False,
                                      no_output_layer=True, **sizes("encoder"), **sizes("decoder"), **kind)
        return lambda: EncoderDecoder(config, torch.nn.Embedding(100, 64), torch.nn.Embedding(100, 64))

    del Decoder, DecoderConfig
    return [("deepnorm", encoder(deepnorm=True)), ("subln", encoder(subln=True)), ("deepnorm_both", both(deepnorm=True)),
            ("subln_both", both(subln=True))]


def fixup(folder):
    alone(folder, "Fixup/cifar/models")
    import fixup_resnet_cifar as cifar

    alone(folder, "Fixup/imagenet/models")
    import fixup_resnet_imagenet as imagenet

    return [("fixup_basic", lambda: cifar.FixupResNet(cifar.FixupBasicBlock, [2, 1, 1])),
            ("fixup_bottleneck", lambda: imagenet.FixupResNet(imagenet.FixupBottleneck, [2, 1, 1, 1], num_classes=70))]


def siren(folder):
    alone(folder, "siren")
    import modules

    return [("siren", lambda: modules.SingleBVPNet(in_features=2, out_features=3, hidden_features=80, num_hidden_layers=3,
                                                   type="sine"))]


def mup(folder):
    alone(folder, "mup")
    import mup as own
    from torch import nn

    class Net(nn.Module):
        """Three layers, with muP's initialization: sigma is that of the base model."""

        def __init__(self, width):
            super().__init__()
            self.input = nn.Linear(70, width)
            self.hidden = nn.Linear(width, width)
            self.output = own.MuReadout(width, 70)

    def build(base):
        def model():
            net = Net(128)
            own.set_base_shapes(net, Net(base), delta=Net(base * 2))
            for layer in (net.input, net.hidden, net.output):
                own.init.kaiming_normal_(layer.weight, a=1)
                nn.init.zeros_(layer.bias)
            return net

        return model

    return [("mup_base", build(128)), ("mup_wide", build(32))]


def neox(folder):
    # Its model asks for a GPU: these are its initializers on the parameters that they are given there (transformer.py,
    # word_embeddings.py).
    alone(folder, "gpt-neox/megatron/model")
    import init_functions as own
    from torch import nn

    class Block(nn.Module):
        def __init__(self, reads, writes):
            super().__init__()
            self.input_layernorm, self.post_attention_layernorm = nn.LayerNorm(64), nn.LayerNorm(64)
            self.attention = nn.ModuleDict({"query_key_value": nn.Linear(64, 192), "dense": nn.Linear(64, 64)})
            self.mlp = nn.ModuleDict({"dense_h_to_4h": nn.Linear(64, 256), "dense_4h_to_h": nn.Linear(256, 64)})
            for part in (self.attention, self.mlp):
                for init, layer in zip((reads, writes), part.values()):
                    init(layer.weight.data)
                    nn.init.zeros_(layer.bias)

    class Net(nn.Module):
        def __init__(self, reads, writes):
            super().__init__()
            self.word_embeddings = nn.Embedding(104, 64)
            self.layers = nn.ModuleList([Block(reads, writes) for _ in range(3)])
            self.norm = nn.LayerNorm(64)
            self.final_linear = nn.Linear(64, 104, bias=False)
            for layer in (self.word_embeddings, self.final_linear):
                reads(layer.weight.data)

    def build(reads, writes):
        args = SimpleNamespace(init_method=reads, output_layer_init_method=writes, init_method_std=0.02, num_layers=3, hidden_size=64,
                               use_mup=False, mup_init_scale=1.0)
        return lambda: Net(*own.get_init_methods(args))

    return [("neox_small_wang", build("small_init", "wang_init")), ("neox_scaled_normal", build("normal", "scaled_normal"))]


def megatron(folder):
    import torch

    sys.path.insert(0, os.path.join(folder, "Megatron-LM"))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511", RANK="0", WORLD_SIZE="1")
    torch.distributed.init_process_group("gloo", rank=0, world_size=1)
    from megatron.core import parallel_state
    from megatron.core.models.gpt import GPTModel
    from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
    from megatron.core.transformer.transformer_config import TransformerConfig

    parallel_state.initialize_model_parallel(1, 1)

    def build():
        config = TransformerConfig(num_layers=3, hidden_size=64, num_attention_heads=4, use_cpu_initialization=True,
                                   gradient_accumulation_fusion=False)
        model = GPTModel(config, get_gpt_layer_local_spec(), vocab_size=104, max_sequence_length=64, position_embedding_type="rope",
                         share_embeddings_and_output_weights=False)
        # Without the blobs of Transformer Engine.
        return SimpleNamespace(state_dict=lambda: dict(model.named_parameters()))

    return [("megatron", build)]


def t_fixup(folder):
    import torch

    stand_in("fairseq.data", "fairseq.libbleu", "fairseq.tasks", "fairseq.criterions", "fairseq.optim", "fairseq.scoring",
             "fairseq.benchmark", "fairseq.tokenizer", "fairseq.hub_utils", "fairseq.models.huggingface", "fairseq.models.wav2vec",
             "fairseq.models.roberta", "fairseq.models.bart", "fairseq.models.nat", "fairseq.model_parallel", "fairseq.pdb",
             "fairseq.registry", "fairseq.search", "fairseq.sequence_generator", "fairseq.iterative_refinement_generator",
             "fairseq.metrics", "fairseq.meters", "sacrebleu")
    alone(folder, "T-Fixup")
    from fairseq.models import transformer

    sizes = {f"{side}_{name}": value for side in ("encoder", "decoder")
             for name, value in [("embed_dim", 64), ("ffn_embed_dim", 128), ("attention_heads", 4), ("layerdrop", 0), ("normalize_before", False)]}
    args = SimpleNamespace(encoder_layers=3, decoder_layers=2, Tfixup=True, max_source_positions=64, max_target_positions=64,
                           dont_use_layernorm=True, share_all_embeddings=False, layernorm_embedding=False, no_scale_embedding=False, **sizes)
    transformer.base_architecture(args)

    def build():
        tables = [transformer.Embedding(100, 64, 1) for _ in range(2)]
        halves = {"encoder": transformer.TransformerEncoder(args, [0] * 100, tables[0]),
                  "decoder": transformer.TransformerDecoder(args, [0] * 100, tables[1])}
        model = torch.nn.ModuleDict(halves)
        return SimpleNamespace(state_dict=lambda: dict(model.named_parameters()))

    return [("t_fixup", build)]


KINDS = [nanogpt, clip, dit, guided_diffusion, mamba, olmo, torchtitan, rwkv, torchscale, fixup, siren, mup, neox, megatron, t_fixup]
REPOSITORIES = ["nanoGPT", "CLIP", "DiT", "guided-diffusion", "mamba", "OLMo", "torchtitan", "RWKV-LM", "torchscale", "Fixup",
                "siren", "mup", "gpt-neox", "Megatron-LM", "T-Fixup"]


def measure(folder, names):
    """Each kind in a process of its own, since their modules have the same names; then all into one file."""
    if names:
        (kind,) = [kind for kind in KINDS if kind.__name__ == names[0]]
        models = [torch_model(name, build, 12) for name, build in kind(folder)]
        write("part-" + kind.__name__, "", models)
        return
    import json

    here, models = os.path.dirname(os.path.abspath(__file__)), []
    for kind in KINDS:
        subprocess.run([sys.executable, os.path.join(here, "make.py"), "originals", folder, kind.__name__], check=True)
        part = os.path.join(here, f"part-{kind.__name__}.json")
        with open(part) as file:
            models += json.load(file)["models"]
        os.remove(part)
    versions = os.path.join(folder, "versions.txt")
    with open(versions) as file:
        write("originals", ", ".join(line.strip() for line in file if line.strip()), models)
