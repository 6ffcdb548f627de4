"""Takes weights from one library's model into another's, and compares what the two compute.

python check.py FANIN [efficientnet-lite0-57934424.pth] (needs torch, torchvision, timm and transformers; not run by CI)
"""

import pathlib
import subprocess
import sys
import tempfile

import timm
import torch
import torchvision
from transformers import ResNetConfig, ResNetForImageClassification, ViTConfig, ViTForImageClassification

fanin = sys.argv[1]
folder = pathlib.Path(tempfile.mkdtemp())
torch.manual_seed(0)
picture = torch.randn(2, 3, 224, 224)


def taken(source, target, *options):
    """The target with what fanin took from the source; every parameter must have come from there."""
    torch.save(source.state_dict() if isinstance(source, torch.nn.Module) else source, folder / "source.pt")
    torch.save(target.state_dict(), folder / "target.pt")
    command = [fanin, "init", "target.pt", "--from", "source.pt", "-o", "out.pt", "--plan", "plan.json", "--force", *options]
    print(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip())
    subprocess.run([fanin, "verify", "out.pt", "--plan", "plan.json"], cwd=folder, check=True, capture_output=True)
    target.load_state_dict(torch.load(folder / "out.pt", weights_only=True))
    return target.eval()


def spread(model):
    """Weights as training leaves them: no zeros and ones."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model.eval()


@torch.no_grad()
def same(name, a, b, bound=1e-4):
    difference = (a - b).abs().max().item() / a.abs().max().item()
    print(f"{name}: relative difference {difference:.2e}")
    assert difference < bound, name


def hf():
    config = ViTConfig(
        hidden_size=192, num_hidden_layers=12, num_attention_heads=3, intermediate_size=768, num_labels=1000, layer_norm_eps=1e-6
    )
    return ViTForImageClassification(config)


def tv():
    return torchvision.models.vision_transformer.VisionTransformer(224, 16, 12, 3, 192, 768, num_classes=1000)


vit = spread(timm.create_model("vit_tiny_patch16_224"))
expected = vit(picture)
other = taken(vit, hf())
same("timm → transformers", expected, other(picture).logits)
same("transformers → torchvision", expected, taken(other, tv())(picture))
same("torchvision → timm", expected, taken(taken(vit, tv()), timm.create_model("vit_tiny_patch16_224"))(picture))
resnet = spread(torchvision.models.resnet18())
same("torchvision → timm, ResNet", resnet(picture), taken(resnet, timm.create_model("resnet18"))(picture))
basic = ResNetConfig(depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic", num_labels=1000)
other = taken(resnet, ResNetForImageClassification(basic))
same("torchvision → transformers, ResNet", resnet(picture), other(picture).logits)
same("transformers → timm, ResNet", resnet(picture), taken(other, timm.create_model("resnet18"))(picture))
deep = spread(torchvision.models.resnet50())
other = taken(deep, ResNetForImageClassification(ResNetConfig(num_labels=1000)))
same("torchvision → transformers, ResNet-50", deep(picture), other(picture).logits)
mobile = spread(torchvision.models.mobilenet_v2())
same("torchvision → timm, MobileNetV2", mobile(picture), taken(mobile, timm.create_model("mobilenetv2_100"))(picture))
grey = taken(resnet, timm.create_model("resnet18", in_chans=1))
one = picture[:, :1]
same("three channels → one", resnet(one.expand(-1, 3, -1, -1)), grey(one))
if len(sys.argv) > 2:
    trained = torch.load(sys.argv[2], weights_only=True)
    lite = taken(trained, timm.create_model("efficientnet_lite0"))
    print("efficientnet-lite0: mean of the largest probability", lite(picture).softmax(1).max(1)[0].mean().item())
