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
    """Its pipeline of layers as `GPT2ModelPipe` makes it, without the pipeline: DeepSpeed and the GPU are stand-ins."""
    import torch

    stand_in("deepspeed", "flash_attn", "transformer_engine", "apex", "causal_conv1d", "mamba_ssm", "fla", "megablocks",
             "pkg_resources", "einops", "wandb", "megatron.neox_arguments.arguments", "megatron.model.rwkv", "megatron.model.mamba",
             "megatron.model.moe", "megatron.model.fused_rope", "megatron.model.fused_softmax")
    package = ModuleType("megatron")
    package.__path__, package.print_rank_0 = [os.path.join(folder, "gpt-neox/megatron")], print
    arguments = ModuleType("megatron.neox_arguments")
    arguments.__path__ = [os.path.join(folder, "gpt-neox/megatron/neox_arguments")]
    sys.modules.update({"megatron": package, "megatron.neox_arguments": arguments})

    class Spec:
        def __init__(self, kind, *args, **kwargs):
            self.kind, self.args, self.kwargs = kind, args, kwargs

    class Pipeline(torch.nn.Module):
        def __init__(self, layers, **_):
            super().__init__()
            built = [(str(i), spec.kind(*spec.args, **spec.kwargs)) for i, spec in enumerate(layers) if isinstance(spec, Spec)]
            self.sequential = torch.nn.ModuleDict(built)

    import deepspeed.pipe

    deepspeed.pipe.PipelineModule, deepspeed.pipe.LayerSpec, deepspeed.pipe.TiedLayerSpec = Pipeline, Spec, Spec
    from megatron import mpu
    from megatron.neox_arguments import neox_args as own

    mpu.set_model_parallel_rank(0)
    mpu.set_model_parallel_world_size(1)
    from megatron.model.gpt2_model import GPT2ModelPipe

    groups = [kind for kind in vars(own).values() if isinstance(kind, type) and kind.__name__.startswith("NeoXArgs")]
    Args = type("Args", tuple(kind for kind in groups if kind.__name__ != "NeoXArgsTemplate"), {})

    def build(**more):
        def model():
            args = Args()
            sizes = dict(num_layers=3, hidden_size=64, num_attention_heads=4, max_position_embeddings=64, seq_length=64, padded_vocab_size=104,
                         intermediate_size=None, attention_config=["global"] * 3,
                         use_cpu_initialization=True, params_dtype=torch.float32, precision="fp32", **more)
            vars(args).update(sizes)
            return GPT2ModelPipe(args)

        return model

    return [("neox_small_wang", build(init_method="small_init", output_layer_init_method="wang_init", pos_emb="rotary", no_weight_tying=True)),
            ("neox_scaled_normal", build(pos_emb="learned", no_weight_tying=True))]


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
