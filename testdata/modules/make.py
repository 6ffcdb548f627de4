"""Makes the parameter lists in this folder: names, shapes, element types, and what the live module says each tensor `is`.

They were made with torch 2.15, torchvision 0.29, transformers 5.24, timm 1.0 and keras 3.15 on 2026-11-27 by

    python testdata/modules/make.py testdata/modules [NAME…]

`--all` makes a list of every model type of transformers that can be built offline from a default configuration, cut to two
layers, of torchvision's models, four of each module of timm, and more of Keras (about 1,060 lists, a quarter of an hour): `FANIN_LISTS=OUT cargo test -p fanin --test modules -- --nocapture`
then says what is read otherwise.
"""

import json
import os
import sys
from contextlib import suppress

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
ALL = "--all" in sys.argv
OUT, *WANTED = [word for word in sys.argv[1:] if word != "--all"]


def wanted(name):
    return name in WANTED or not WANTED


def write(name, library, version, tensors, tied=()):
    lines = [json.dumps({"name": n, "shape": list(s), "dtype": d, "is": what}, separators=(",", ":")) for n, s, d, what in tensors]
    head = json.dumps(dict(model=name, library=library, version=version, tied=list(tied)))[:-1]
    with open(os.path.join(OUT, name + ".json"), "w") as file:
        file.write(head + ',\n"tensors":[\n' + ",\n".join(lines) + "\n]}\n")


def of_torch(name, model, library, version):
    """A state dict, with the pairs of names that are one parameter."""
    import kinds

    first, tied = {}, []
    for n, p in model.named_parameters(remove_duplicate=False):
        if id(p) in first:
            tied.append([n, first[id(p)]])
        else:
            first[id(p)] = n
    truth = kinds.what_is(model)
    tensors = [(n, t.shape, str(t.dtype).removeprefix("torch."), truth.get(n)) for n, t in model.state_dict().items()]
    write(name, library, version, tensors, tied)


LAYERS = "num_hidden_layers n_layer num_layers n_layers encoder_layers decoder_layers num_decoder_layers num_encoder_layers depth e_layers d_layers".split()


def cut(config):
    """Two layers of each kind."""
    for key in LAYERS:
        if isinstance(getattr(config, key, None), int) and getattr(config, key) > 2:
            with suppress(AttributeError, NotImplementedError):  # some are other names of the same number
                setattr(config, key, 2)
    kinds, layers = getattr(config, "layer_types", None), getattr(config, "num_hidden_layers", None)
    if isinstance(kinds, list) and isinstance(layers, int):
        one = list(dict.fromkeys(kinds))
        config.num_hidden_layers = max(2, len(one))
        with suppress(AttributeError):
            config.layer_types = (one + kinds)[: config.num_hidden_layers]
    if isinstance(getattr(config, "depths", None), list | tuple):
        config.depths = [min(2, depth) for depth in config.depths]
    for part in list(vars(config).values()):
        if hasattr(part, "model_type"):
            cut(part)
    return config


# Model type, class of the model, and what its configuration says beside the cut.
TRANSFORMERS = [
    ("funnel", "FunnelForMaskedLM", dict(block_sizes=[1, 1], num_decoder_layers=1)),
    ("prophetnet", "ProphetNetForConditionalGeneration", {}),
    ("speecht5", "SpeechT5ForTextToSpeech", {}),
    ("wav2vec2-conformer", "Wav2Vec2ConformerForCTC", dict(vocab_size=32)),
    ("blip-2", "Blip2ForConditionalGeneration", {}),
    ("jamba", "JambaForCausalLM", {}),
    ("longcat_flash", "LongcatFlashForCausalLM", {}),
    ("lfm3_vl_vision", "Lfm3VlVisionModel", {}),
    ("convbert", "ConvBertForMaskedLM", {}),
    ("ibert", "IBertForMaskedLM", dict(num_hidden_layers=1)),
    ("layoutlmv3", "LayoutLMv3Model", {}),
    ("timesformer", "TimesformerForVideoClassification", {}),
    ("patchtst", "PatchTSTForPretraining", {}),
    ("omniasr_ctc", "OmniASRForCTC", {}),
    ("deberta-v2", "DebertaV2ForMaskedLM", {}),
    ("electra", "ElectraForPreTraining", {}),
    ("gptj", "GPTJForCausalLM", {}),
    ("segformer", "SegformerForSemanticSegmentation", {}),
    ("vilt", "ViltForMaskedLM", {}),
    ("kimi_linear", "KimiLinearForCausalLM", {}),
    ("univnet", "UnivNetModel", {}),
    ("qwen3_asr_encoder", "Qwen3ASREncoder", {}),
]
# With `--all`: the first class of these that a model type has.
HEADS = [
    "CAUSAL_LM", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM", "PRETRAINING", "IMAGE_CLASSIFICATION", "OBJECT_DETECTION",
    "UNIVERSAL_SEGMENTATION", "SEMANTIC_SEGMENTATION", "DEPTH_ESTIMATION", "SPEECH_SEQ_2_SEQ", "CTC", "IMAGE_TEXT_TO_TEXT",
]
APPLICATIONS = ["DenseNet121", "InceptionV3", "MobileNetV3Small", "NASNetMobile"]
TIMM = ["resnest14d", "test_nfnet", "test_byobnet", "test_mambaout"]
TORCHVISION = ["raft_small", "ssd300_vgg16"]


def transformers():
    import torch
    import transformers as t
    from transformers.models.auto import modeling_auto as auto

    t.logging.set_verbosity_error()
    models = TRANSFORMERS
    if ALL:
        found = {}
        for mapping in [f"MODEL_FOR_{head}_MAPPING_NAMES" for head in HEADS] + ["MODEL_MAPPING_NAMES"]:
            for kind, cls in getattr(auto, mapping).items():
                found.setdefault(kind, (kind, cls[0] if isinstance(cls, tuple) else cls, {}))
        models = found.values()
    for kind, cls, more in models:
        name = "hf_" + kind.replace("-", "_")
        if not wanted(name):
            continue
        try:
            config = cut(t.AutoConfig.for_model(kind, **more))
            if getattr(config, "use_timm_backbone", False):  # which would be downloaded
                stages = [f"stage{n}" for n in range(1, 5)]
                config.use_timm_backbone, config.use_pretrained_backbone, config.backbone = False, False, None
                config.backbone_config = t.ResNetConfig(depths=[1, 1, 1, 1], out_features=stages)
            with torch.device("meta"):
                model = getattr(t, cls)(config)
                model.tie_weights()
        except Exception as error:  # what needs more than its default configuration is left out
            print(name, repr(error)[:200], file=sys.stderr)
            continue
        of_torch(name, model, "transformers", t.__version__)


def vision():
    import timm
    import torch
    import torchvision

    names = TIMM
    if ALL:  # four of each module
        modules = [timm.list_models(module=module) for module in timm.list_modules()]
        names = [n for some in modules if some for n in dict.fromkeys([some[0], some[len(some) // 3], some[2 * len(some) // 3], some[-1]])]
    builds = [("timm_" + n, timm, lambda n=n: timm.create_model(n, pretrained=False)) for n in names]
    names = [n for n in torchvision.models.list_models() if "quantized" not in n] if ALL else TORCHVISION
    for n in names:
        plain = dict(weights=None)
        if any(part in n for part in ["rcnn", "retinanet", "ssd", "fcos", "deeplab", "fcn", "lraspp"]):
            plain["weights_backbone"] = None
        builds.append(("tv_" + n, torchvision, lambda n=n, plain=plain: torchvision.models.get_model(n, **plain)))
    for name, library, build in builds:
        if not wanted(name):
            continue
        try:
            with torch.device("meta"):
                model = build()
        except (NotImplementedError, RuntimeError):  # some constructors look at their weights
            model = build()
        of_torch(name, model, library.__name__, library.__version__)


def plain_torch():
    import torch
    from torch import nn
    from torch.nn.utils import parametrizations, spectral_norm, weight_norm

    parts = dict(
        stem=nn.Conv2d(1, 16, 5),
        grouped=nn.ModuleDict(dict(conv1=nn.Conv2d(16, 64, 1), conv2=nn.Conv2d(64, 64, 3, groups=8))),
        separable=nn.Sequential(nn.Conv2d(64, 64, 3, groups=64), nn.Conv2d(64, 96, 1, groups=4)),
        up=nn.ConvTranspose2d(96, 48, 4, 2),
        up2=nn.ConvTranspose2d(48, 24, 2, 2),
        bilinear=nn.Bilinear(12, 20, 8),
        embedding_bag=nn.EmbeddingBag(300, 24),
        gru=nn.GRU(24, 40, 2, bidirectional=True),
        lstm=nn.LSTM(80, 60, proj_size=20, bidirectional=True),
        wn=weight_norm(nn.ConvTranspose1d(40, 20, 8, 4)),
        pn=parametrizations.weight_norm(nn.Conv1d(20, 30, 3)),
        sn=spectral_norm(nn.Linear(30, 10)),
        psn=parametrizations.spectral_norm(nn.Conv2d(3, 18, 3)),
        decoder=nn.TransformerDecoderLayer(32, 4, 64),
        attention=nn.MultiheadAttention(32, 4, kdim=16, vdim=24),
        act=nn.PReLU(12),
    )
    if wanted("torch_kinds"):
        of_torch("torch_kinds", nn.ModuleDict(parts), "torch", torch.__version__)


def people():
    import torch
    from people import NETWORKS, scanned

    for name, build in NETWORKS.items():
        if wanted(name):
            with torch.device("meta"):
                of_torch(name, build(), "torch", torch.__version__)
    if wanted("people_scanned"):
        write("people_scanned", "flax", "linen", [(n, s, "float32", what) for n, s, what in scanned()])


def libraries():
    import torch
    from libraries import builds

    for name, library, build in builds(ALL):
        if not wanted(name):
            continue
        try:
            with torch.device("meta"):
                of_torch(name, build(), library, "")
        except ImportError as error:
            print(name, repr(error)[:200], file=sys.stderr)


def keras():
    import keras as k
    from keras import layers as L
    from keras_kinds import what_is

    def sequence():
        x = L.Input((20, 8))
        h = L.SeparableConv1D(24, 3)(L.Conv1D(16, 5)(x))
        h = L.Bidirectional(L.LSTM(12, return_sequences=True))(h)
        h = L.Bidirectional(L.GRU(10, return_sequences=True, reset_after=True))(h)
        h = L.TimeDistributed(L.Dense(32))(h)
        h = L.LayerNormalization()(h + L.MultiHeadAttention(4, 8)(h, h))
        h = L.GroupQueryAttention(8, 4, 2)(h, h)
        h = L.EinsumDense("abc,cde->abde", output_shape=(None, 4, 6), bias_axes="de")(h)
        h = L.EinsumDense("abde,def->abf", output_shape=(None, 9))(h)
        return k.Model(x, L.Dense(5)(L.LSTM(7)(L.Conv1DTranspose(12, 4, strides=2)(h))))

    def volumes():
        apart = [L.DepthwiseConv2D(3), L.Conv2DTranspose(6, 4, strides=2), L.SeparableConv2D(10, 3, depth_multiplier=2), L.Conv2D(20, 3, groups=5)]
        front = [L.Input((4, 16, 16, 3)), L.ConvLSTM2D(6, 3, return_sequences=True), L.Conv3D(8, 3, padding="same"), L.Conv3DTranspose(4, 2, strides=2)]
        return k.Sequential(front + [L.TimeDistributed(layer) for layer in apart] + [L.BatchNormalization(scale=False), L.GlobalAveragePooling3D(), L.PReLU(), L.Dense(3)])

    def unet():
        x = L.Input((32, 32, 1))
        h, skips = x, []
        for width in (16, 32, 64):
            h = L.ReLU()(L.BatchNormalization()(L.Conv2D(width, 3, padding="same", use_bias=False)(h)))
            skips.append(h)
            h = L.MaxPool2D()(h)
        for width in (64, 32, 16):
            h = L.Concatenate()([L.Conv2DTranspose(width, 2, strides=2)(h), skips.pop()])
            h = L.Conv2D(width, 3, padding="same")(h)
        return k.Model(x, L.Conv2D(2, 1)(h))

    builds = [("sequence", sequence), ("volumes", volumes), ("unet", unet)]
    for n in ["MobileNet"] + (APPLICATIONS if ALL else []):
        builds.append((n.lower(), lambda n=n: getattr(k.applications, n)(weights=None)))
    for name, build in builds:
        if wanted("keras_" + name):
            model = build()
            truth = what_is(model)
            write("keras_" + name, "keras", k.__version__, [(v.path, v.shape, str(v.dtype), truth.get(v.path)) for v in model.weights])


if __name__ == "__main__":
    for part in [plain_torch, people, libraries, transformers, vision, keras]:
        part()
