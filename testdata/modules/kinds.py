"""What a live torch module says of each of its tensors: the truth that names and shapes are read against.

A tensor `is` its roles (any of `a|b` is right) and, for weights, what its dimensions mean: `O` out, `I` in, `K` kernel, `S` stack;
then `g=` groups, `s=` the product of the strides of a transposed convolution, `b=` how many blocks lie along its outputs.
"""

import math
import re

from torch import nn
from torch.nn.modules import batchnorm, conv, instancenorm

NORM = re.compile(r"norm|^(ln|bn)\d*$|RMS", re.I)
GRN = re.compile(r"GRN|GlobalResponse|Grn")
BUFFER = "fixed|statistic"
# A parameter of a module that is no kind of its own: (class, name) → what it is.
OWN = []


def own(classes, names, what):
    OWN.append((re.compile(classes), re.compile(names), what))


def is_conv1d(module):
    return type(module).__name__ == "Conv1D" and hasattr(module, "nf")


def convolution(m):
    field = "K" * len(m.kernel_size)
    g = f" g={m.groups}" if m.groups > 1 else ""
    if m.transposed:
        s = math.prod(m.stride)
        return f"weight IO{field}{g}" + (f" s={s}" if s > 1 else "")
    return f"weight OI{field}{g}"


def recurrent(m, name):
    kind = m.mode if hasattr(m, "mode") else type(m).__name__
    gates = 4 if "LSTM" in kind else 3 if "GRU" in kind else 1
    b = f" b={gates}" if gates > 1 else ""
    if name.startswith("bias"):
        return "bias"
    if name.startswith("weight_hr"):
        return "weight OI"
    return ("recurrent" if name.startswith("weight_hh") else "weight") + " OI" + b


def attention(name):
    return {
        "in_proj_weight": "weight OI b=3",
        "q_proj_weight": "weight OI",
        "k_proj_weight": "weight OI",
        "v_proj_weight": "weight OI",
        "in_proj_bias": "bias",
        "bias_k": "position|embedding",
        "bias_v": "position|embedding",
    }.get(name)


def plain(m, name):
    """A parameter of a module whose class says everything."""
    if isinstance(m, nn.MultiheadAttention):
        return attention(name)
    if isinstance(m, nn.RNNBase | nn.RNNCellBase):
        return recurrent(m, name)
    if isinstance(m, nn.PReLU):
        return "slope"
    if name == "bias" and isinstance(m, nn.Linear | conv._ConvNd | nn.Bilinear):
        return "bias"
    if name == "bias" and is_conv1d(m):
        return "bias"
    if name == "weight":
        if isinstance(m, nn.Linear):
            return "weight OI"
        if is_conv1d(m):
            return "weight IO"
        if isinstance(m, conv._ConvNd):
            return convolution(m)
        if isinstance(m, nn.Embedding | nn.EmbeddingBag):
            return "embedding|position IO"
        if isinstance(m, nn.Bilinear):
            return "weight OII"
    if norms(m) and name in ("weight", "bias"):
        return "scale" if name == "weight" else "shift"
    return None


def norms(m):
    own = isinstance(m, batchnorm._NormBase | instancenorm._InstanceNorm | nn.LayerNorm | nn.GroupNorm | nn.RMSNorm)
    cls = type(m).__name__
    return own or bool(NORM.search(cls) and "Head" not in cls)


def listed(cls, name):
    for classes, names, what in OWN:
        if classes.search(cls) and names.fullmatch(name):
            return what
    return None


def kept(cls, name):
    """A buffer; what starts at one or zero may be drawn so."""
    if "Frozen" in cls and name in ("weight", "bias"):
        return BUFFER + ("|scale" if name == "weight" else "|shift")
    # A shift that stays zero.
    if NORM.search(cls) and name == "beta":
        return BUFFER + "|shift"
    return BUFFER + ("|bias" if name.endswith("correction_bias") or name == "bias_integer" else "")


def what_is(model):
    """The truth of each tensor of a state dict; `None` where no kind tells."""
    import own as own_kinds

    truth = {}
    config = getattr(model, "config", None)
    for path, module in model.named_modules(remove_duplicate=False):
        dot = path + "." if path else ""
        cls = type(module).__name__
        for name, buffer in module.named_buffers(recurse=False):
            truth[dot + name] = kept(cls, name)
        parametrized = getattr(module, "parametrizations", {})
        for name, param in module.named_parameters(recurse=False):
            if dot + name in truth:  # the module that it parametrizes has said it
                continue
            of = name
            if name.endswith(("_v", "_orig")) and hasattr(module, name.rsplit("_", 1)[0] + ("_g" if name.endswith("_v") else "_u")):
                of = name.rsplit("_", 1)[0]
            elif name.endswith("_g") and hasattr(module, name[:-2] + "_v"):
                truth[dot + name] = "scale"
                continue
            stack = own_kinds.experts(module, of, param)
            bias = "bias" if name.endswith("_proj_bias") else None
            what = (listed(cls, of) if GRN.search(cls) else None) or plain(module, of) or stack or bias or listed(cls, of)
            # A table that is not learned is a constant of the computation.
            truth[dot + name] = what if param.requires_grad or what is None else "fixed|" + what
            if path.endswith("dt_proj") and name == "bias":
                truth[dot + name] = "bias|special"
        for name in parametrized:
            inner = plain(module, name)
            holder = parametrized[name]
            kind = type(holder[0]).__name__
            if kind == "_WeightNorm":
                truth[f"{dot}parametrizations.{name}.original0"] = "scale"
                truth[f"{dot}parametrizations.{name}.original1"] = inner
            else:
                truth[f"{dot}parametrizations.{name}.original"] = inner
                for extra, _ in holder.named_buffers():
                    truth[f"{dot}parametrizations.{name}.{extra}"] = BUFFER
    vocabulary(model, truth, config)
    for name in truth:
        # A linear map of numbered distances, one at a time, is a table of them.
        if re.search(r"rel_pos_(x_|y_)?bias\.weight$", name):
            truth[name] = "position"
    return truth


def vocabulary(model, truth, config):
    """A table with a row for each symbol is an embedding and nothing else."""
    sizes = {getattr(c, "vocab_size", None) for c in [config, getattr(config, "text_config", None)] if c is not None}
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, nn.Embedding) and module.num_embeddings in sizes and module.num_embeddings > 2048:
            truth[path + ".weight"] = "embedding IO"
