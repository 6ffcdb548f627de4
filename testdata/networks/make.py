"""Small networks of many kinds: exported by PyTorch, run by PyTorch and by onnxruntime.

Run with `python make.py` where torch, onnx and onnxruntime are installed. Writes beside itself, for every network, its graph
as NAME.onnx without its larger weights, and `expected.txt`: outputs by onnxruntime, loss and gradients by PyTorch.

All numbers are made by `numbers` below, from a name and a shape; the tests make the same ones. In expected.txt a tensor is
its norm and up to 12 of its elements, evenly spaced.
"""

import io
import math
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
GRAPHS = HERE.parent / "graphs"
SMALL = 64
SHOWN = 12


# Sines of large arguments turn rounding into noise: the matrices of these are divided.
DIVIDED = {"siren.graph.onnx": 30}


def salted(name):
    """A number that differs also between names that are permutations of each other."""
    return sum((i + 1) * byte for i, byte in enumerate(name.encode()))


def numbers(name, shape, divisor=1):
    """Evenly spread between -1 and 1 times 1.7 over the root of the fan; vectors about 1."""
    salt = salted(name)
    count = math.prod(shape)
    unit = ((np.arange(count, dtype=np.int64) * 7919 + salt * 104729) % 2003 - 1001) / 1001.0
    if len(shape) < 2:
        return (1.0 + 0.1 * unit).reshape(shape).astype(np.float32)
    return (unit * (1.7 / math.sqrt(math.prod(shape[1:]))) / divisor).reshape(shape).astype(np.float32)


def given(name, shape, limit):
    """An input: numbers, or ids below a limit."""
    if limit:
        return ((np.arange(math.prod(shape), dtype=np.int64) * 31 + 7) % limit).reshape(shape)
    salt = salted(name)
    return (((np.arange(math.prod(shape), dtype=np.int64) * 104729 + salt) % 1009 - 504) / 504.0).reshape(shape).astype(np.float32)


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.down(x))


def resnet():
    stem = [nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, Residual(8, 8, 1), Residual(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))


class Attention(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)
        if self.causal:
            scores = scores.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d))


class Block(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.cls, self.pos = nn.Parameter(torch.zeros(1, 1, 16)), nn.Parameter(torch.zeros(1, 10, 16))
        self.blocks = nn.Sequential(*[Block(16, 2, False) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.blocks(x))[:, 0])


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(23, 16), nn.Embedding(8, 16)
        self.blocks = nn.Sequential(*[Block(16, 2, True) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 23, bias=False)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(x)))


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.embedding = nn.Embedding(19, 6)
        self.layers = kind(6, 5, num_layers=2, bidirectional=True, batch_first=True, **options)
        self.head = nn.Linear(10, 4)

    def forward(self, ids):
        return self.head(self.layers(self.embedding(ids))[0][:, -1])


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        conv = lambda a, b: nn.Sequential(nn.Conv2d(a, b, 3, 1, 1), nn.GroupNorm(2, b), nn.SiLU())
        self.down1, self.down2, self.middle = conv(1, 4), conv(4, 8), conv(8, 8)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.up2, self.up1 = conv(16, 4), conv(8, 4)
        self.smooth = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.up(self.middle(F.avg_pool2d(b, 2)))
        d = self.smooth(self.up2(torch.cat([c, b], 1)))
        return self.out(self.up1(torch.cat([d, a], 1)))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(1, 4, 3, 2), nn.ELU(), nn.Flatten(), nn.Linear(64, 6))
        self.decoder = nn.Sequential(nn.Linear(6, 64), nn.Unflatten(1, (16, 2, 2)), nn.PixelShuffle(2), nn.LeakyReLU(0.2),
                                     nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Siren(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 16), nn.Linear(16, 16), nn.Linear(16, 1)])

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.sin(3.0 * layer(x))
        return self.layers[-1](x)


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(23, 16)
        self.q, self.k, self.v, self.o = nn.Linear(16, 16, False), nn.Linear(16, 8, False), nn.Linear(16, 8, False), nn.Linear(16, 16, False)
        self.gate, self.up, self.down = nn.Linear(16, 24, False), nn.Linear(16, 24, False), nn.Linear(24, 16, False)
        self.norm1, self.norm2 = nn.Parameter(torch.ones(16)), nn.Parameter(torch.ones(16))
        self.head = nn.Linear(16, 23, False)

    def rotate(self, x):
        t, half = x.shape[2], x.shape[3] // 2
        angle = torch.arange(t)[:, None] * 10000.0 ** (-torch.arange(half) / half)[None]
        cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin

    def norm(self, x, weight):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight

    def forward(self, ids):
        x = self.embedding(ids)
        n, t, _ = x.shape
        h = self.norm(x, self.norm1)
        split = lambda y, heads: y.view(n, t, heads, 4).transpose(1, 2)
        q, k = self.rotate(split(self.q(h), 4)), self.rotate(split(self.k(h), 2))
        k, v = k.repeat_interleave(2, 1), split(self.v(h), 2).repeat_interleave(2, 1)
        mask = torch.full((t, t), float("-inf")).triu(1)
        scores = torch.einsum("nhid,nhjd->nhij", q, k) / 2.0 + mask
        x = x + self.o((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, 16))
        h = self.norm(x, self.norm2)
        return self.head(x + self.down(F.silu(self.gate(h)) * self.up(h)))


class Swin(nn.Module):
    """Attention in windows that are shifted by a roll, and patches merged by strided slices."""

    def __init__(self):
        super().__init__()
        self.patch, self.block, self.merge = nn.Conv2d(3, 8, 2, 2), Block(8, 2, False), nn.Linear(32, 12, bias=False)
        self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, 5)

    def forward(self, x):
        x = self.patch(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        x = torch.roll(x, (-1, -1), (1, 2)).view(n, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
        x = self.block(x).view(n, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        x = torch.roll(x, (1, 1), (1, 2))
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return self.head(self.norm(self.merge(x)).mean((1, 2)))


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.word, self.position, self.kind = nn.Embedding(23, 16), nn.Embedding(8, 16), nn.Embedding(2, 16)
        self.norm = nn.LayerNorm(16)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, 0.0, "gelu", batch_first=True), 2, enable_nested_tensor=False)
        self.pool, self.head = nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, ids):
        x = self.word(ids) + self.position(torch.arange(ids.shape[1])) + self.kind(torch.zeros_like(ids))
        return self.head(torch.tanh(self.pool(self.encoder(self.norm(x))[:, 0])))


# Name: network, shape of the input, limit of its ids, whether batch statistics are used.
NETWORKS = {
    "resnet": (resnet, (3, 3, 12, 12), 0, True),
    "vit": (ViT, (2, 3, 12, 12), 0, False),
    "gpt": (GPT, (2, 7), 23, False),
    "lstm": (lambda: Recurrent(nn.LSTM), (3, 6), 19, False),
    "gru": (lambda: Recurrent(nn.GRU), (3, 6), 19, False),
    "rnn": (lambda: Recurrent(nn.RNN, nonlinearity="relu"), (3, 6), 19, False),
    "bert": (Bert, (2, 7), 23, False),
    "swin": (Swin, (2, 3, 8, 8), 0, False),
    "llama": (Llama, (2, 7), 23, False),
    "unet": (UNet, (2, 1, 8, 8), 0, False),
    "autoencoder": (Autoencoder, (2, 1, 8, 8), 0, False),
    "siren": (Siren, (9, 2), 0, False),
}


def shown(tensor):
    flat = np.asarray(tensor, dtype=np.float64).ravel()
    some = flat[:: max(1, -(-len(flat) // SHOWN))]
    return " ".join(f"{x:.7g}" for x in [np.sqrt((flat**2).sum()), *some])


def loss_of(y):
    """Cross-entropy over the last dimension, or the mean square where it has one element or the output is a picture."""
    if y.dim() == 4 or y.shape[-1] == 1:
        return (y**2).mean()
    classes = y.reshape(-1, y.shape[-1])
    target = (torch.arange(len(classes)) * 5 + 1) % y.shape[-1]
    return F.cross_entropy(classes, target)


def strip(model):
    """Larger floats become references to a file that is not there."""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and math.prod(tensor.dims) >= SMALL:
            for field in ["raw_data", "float_data"]:
                tensor.ClearField(field)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            del tensor.external_data[:]
            for key, value in {"location": "weights.bin", "offset": "0", "length": str(4 * math.prod(tensor.dims))}.items():
                tensor.external_data.add(key=key, value=value)


def fill(model, divisor=1):
    """The numbers that the tests give to what is not there."""
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            values = onnx.numpy_helper.from_array(numbers(tensor.name, list(tensor.dims), divisor), tensor.name)
            tensor.CopyFrom(values)


def made(name, build, shape, limit, training, lines):
    torch.manual_seed(0)
    network = build()
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.from_numpy(numbers(key, list(value.shape))))
    network.train(training)
    x = torch.from_numpy(given("x", shape, limit))
    buffer = io.BytesIO()
    mode = torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL
    options = {"opset_version": 17, "do_constant_folding": False, "training": mode, "dynamo": False}
    torch.onnx.export(network, (x,), buffer, input_names=["x"], dynamic_axes={"x": {0: "batch"}}, **options)
    model = onnx.load_from_string(buffer.getvalue())
    for node in model.graph.node:
        node.doc_string = ""
    # Running statistics were moved by the export.
    network.load_state_dict({k: torch.from_numpy(numbers(k, list(v.shape))) if v.is_floating_point() else v for k, v in network.state_dict().items()})
    y = network(x)
    loss = loss_of(y)
    loss.backward()
    strip(model)
    parameters = dict(network.named_parameters())
    unnamed = [t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL and t.name not in network.state_dict()]
    assert not unnamed, f"{name}: {unnamed} are no parameters"
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    lines.append(f"network {name} {limit} {' '.join(map(str, shape))}")
    lines.append(f"output {shown(y.detach())}")
    lines.append(f"loss {loss.item():.7g}")
    inside = {t.name for t in model.graph.initializer}
    for key, value in parameters.items():
        if key in inside and value.grad is not None:
            lines.append(f"gradient {key} {shown(value.grad)}")
    fill(model)
    if not training:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        own = session.run(None, {"x": x.numpy()})[0]
        assert np.abs(own - y.detach().numpy()).max() < 1e-4 * np.abs(own).max(), name


def graphs(lines):
    """The graphs of real models: outputs by onnxruntime, for two sizes of the batch where it is free."""
    for path in sorted(GRAPHS.glob("*.graph.onnx")):
        model = onnx.load(path, load_external_data=False)
        divisor = DIVIDED.get(path.name, 1)
        fill(model, divisor)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        inputs = {}
        for value in session.get_inputs():
            shape = [d if isinstance(d, int) else 2 for d in value.shape]
            mask = "mask" in value.name
            limit = 0 if value.type == "tensor(float)" else 13
            inputs[value.name] = np.ones(shape, np.int64) if mask and limit else given(value.name, shape, limit)
        lines.append(f"graph {path.name} {divisor}")
        for key, value in inputs.items():
            lines.append(f"input {key} {'ones' if 'mask' in key and value.dtype == np.int64 else 13 if value.dtype == np.int64 else 0} {' '.join(map(str, value.shape))}")
        for value in session.run(None, inputs):
            lines.append(f"output {shown(value)}")


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    lines = [f"torch {torch.__version__} onnxruntime {onnxruntime.__version__}"]
    for name, (build, shape, limit, training) in NETWORKS.items():
        made(name, build, shape, limit, training, lines)
        print(name, flush=True)
    graphs(lines)
    (HERE / "expected.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
