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
from transformers import ViTConfig, ViTForImageClassification

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


pairs = {timm_lite(name): name for name in other}
assert set(pairs) == set(lite), set(pairs) ^ set(lite)
out = {
    "vit_timm": tensors(vit),
    "vit_hf": tensors(hf),
    "vit_torchvision": tensors(tv),
    "lite0_timm": tensors(lite),
    "lite0_other": tensors(other),
    "lite0_pairs": pairs,
}
(here / "models.json").write_text(json.dumps(out, indent=0).replace("\n", "") .replace('], [', '],\n['))
