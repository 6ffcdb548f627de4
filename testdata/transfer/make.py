"""Writes models.json: the tensors of one architecture under the names of several libraries, and which is which.

python make.py PATH_OF_efficientnet-lite0-57934424.pth (needs torch, torchvision, timm and transformers; the result is committed)
"""

import json
import pathlib
import re
import sys

import timm
import torch
import torchvision
from transformers import ResNetConfig, ResNetForImageClassification, ViTConfig, ViTForImageClassification

here = pathlib.Path(__file__).parent


def tensors(state):
    kinds = {torch.float32: "f32", torch.int64: "i64"}
    return [[name, list(t.shape), kinds[t.dtype]] for name, t in state.items()]


with torch.device("meta"):
    vit = timm.create_model("vit_tiny_patch16_224", depth=2).state_dict()
    config = ViTConfig(hidden_size=192, num_hidden_layers=2, num_attention_heads=3, intermediate_size=768, num_labels=1000)
    hf = ViTForImageClassification(config).state_dict()
    tv = torchvision.models.vision_transformer.VisionTransformer(224, 16, 2, 3, 192, 768, num_classes=1000).state_dict()
    lite = timm.create_model("efficientnet_lite0").state_dict()
    depths = {"basic": [2, 2, 2, 2], "bottleneck": [3, 4, 6, 3]}
    sizes = {"basic": [64, 128, 256, 512], "bottleneck": [256, 512, 1024, 2048]}
    resnets = {
        kind: ResNetForImageClassification(
            ResNetConfig(depths=depths[kind], hidden_sizes=sizes[kind], layer_type=kind, num_labels=1000)
        ).state_dict()
        for kind in depths
    }
    plain = {"basic": torchvision.models.resnet18().state_dict(), "bottleneck": torchvision.models.resnet50().state_dict()}
other = torch.load(sys.argv[1], map_location="cpu", weights_only=True)


def timm_lite(name):
    """efficientnet-pytorch's names in timm's."""
    stage = [1, 2, 2, 3, 3, 4, 1]
    name = re.sub(r"^_conv_stem", "conv_stem", name)
    name = re.sub(r"^_bn0", "bn1", name)
    name = re.sub(r"^_conv_head", "conv_head", name)
    name = re.sub(r"^_bn1", "bn2", name)
    name = re.sub(r"^_fc", "classifier", name)
    found = re.match(r"_blocks\.(\d+)\.(.*)", name)
    if not found:
        return name
    number, s = int(found[1]), 0
    while number >= stage[s]:
        number, s = number - stage[s], s + 1
    leaf = found[2]
    names = (
        {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
        if s == 0
        else {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"}
    )
    module, rest = leaf.split(".", 1)
    return f"blocks.{s}.{number}.{names[module]}.{rest}"


def hf_resnet(name):
    """torchvision's names (and timm's) in those of transformers."""
    name = re.sub(r"^conv1\.", "resnet.embedder.embedder.convolution.", name)
    name = re.sub(r"^bn1\.", "resnet.embedder.embedder.normalization.", name)
    name = re.sub(r"^fc\.", "classifier.1.", name)
    found = re.match(r"layer(\d)\.(\d+)\.(.*)", name)
    if not found:
        return name
    front, leaf = f"resnet.encoder.stages.{int(found[1]) - 1}.layers.{found[2]}.", found[3]
    leaf = re.sub(r"^downsample\.0", "shortcut.convolution", leaf)
    leaf = re.sub(r"^downsample\.1", "shortcut.normalization", leaf)
    leaf = re.sub(r"^conv(\d)", lambda m: f"layer.{int(m[1]) - 1}.convolution", leaf)
    return front + re.sub(r"^bn(\d)", lambda m: f"layer.{int(m[1]) - 1}.normalization", leaf)


for kind, model in plain.items():
    assert {hf_resnet(name) for name in model} == set(resnets[kind]), kind

pairs = {timm_lite(name): name for name in other}
assert set(pairs) == set(lite), set(pairs) ^ set(lite)
out = {
    "vit_timm": tensors(vit),
    "vit_hf": tensors(hf),
    "vit_torchvision": tensors(tv),
    "lite0_timm": tensors(lite),
    "lite0_other": tensors(other),
    "lite0_pairs": pairs,
    **{f"resnet_{kind}_hf": tensors(model) for kind, model in resnets.items()},
    **{f"resnet_{kind}_torchvision": tensors(model) for kind, model in plain.items()},
    "resnet_pairs": {name: hf_resnet(name) for model in plain.values() for name in model},
}
(here / "models.json").write_text(json.dumps(out, indent=0).replace("\n", "") .replace('], [', '],\n['))
