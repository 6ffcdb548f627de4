"""Writes networks that keep the function of a smaller or plainer one: adapters beside two layers, and experts.

python graphs.py (needs onnx and numpy; the results are committed)

plain.onnx      64 → 16 → 16 → 10, rectifiers
adapted.onnx    the same with x·Aᵀ·Bᵀ·2 beside every layer, of rank 3, and the layers' names behind `base_layer`
dense.onnx      64 → 16, a feed-forward network of 32 beside the stream, a norm, → 10
experts.onnx    the same with three such networks, summed with the weights of a router's softmax
"""

import pathlib

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

here = pathlib.Path(__file__).parent
draw = np.random.default_rng(0)


class Net:
    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name, *shape, value=None):
        values = draw.normal(0, (2 / shape[-1]) ** 0.5, shape) if value is None else np.full(shape, value)
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def op(self, op, *inputs, **attributes):
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], name=f"n{len(self.nodes)}", **attributes))
        return out

    def linear(self, name, x, inputs, outputs):
        bias = self.weight(f"{name}.bias", outputs, value=0.125)
        return self.op("Gemm", x, self.weight(f"{name}.weight", outputs, inputs), bias, transB=1)

    def adapted(self, name, x, inputs, outputs, rank=3, scale=2.0):
        y = self.linear(f"{name}.base_layer", x, inputs, outputs)
        a = self.op("Gemm", x, self.weight(f"{name}.lora_A.weight", rank, inputs), transB=1)
        # The factor that peft calls scaling, alpha/rank.
        b = self.op("Gemm", a, self.weight(f"{name}.lora_B.weight", outputs, rank), transB=1, alpha=scale)
        return self.op("Add", y, b)

    def norm(self, name, x, width):
        scale, shift = self.weight(f"{name}.weight", width, value=1.0), self.weight(f"{name}.bias", width, value=0.0)
        return self.op("LayerNormalization", x, scale, shift, axis=-1)

    def save(self, name, out):
        self.nodes[-1].output[0] = "y"
        assert out == f"v{len(self.nodes) - 1}"
        value = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
        graph = helper.make_graph(self.nodes, "net", [value("x", 64)], [value("y", 10)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        checker.check_model(model, full_check=True)
        save(model, here / name)


def chain(layer):
    x = "x"
    for at, (inputs, outputs) in enumerate([(64, 16), (16, 16), (16, 10)]):
        x = layer(f"layers.{at}", x, inputs, outputs)
        x = x if at == 2 else net.op("Relu", x)
    return x


def forward(net, name, x):
    return net.linear(f"{name}down", net.op("Relu", net.linear(f"{name}up", x, 16, 32)), 32, 16)


net = Net()
net.save("plain.onnx", chain(net.linear))
net = Net()
net.save("adapted.onnx", chain(net.adapted))

net = Net()
x = net.linear("embed", "x", 64, 16)
x = net.op("Add", x, forward(net, "blocks.0.mlp.", x))
net.save("dense.onnx", net.linear("head", net.norm("norm", x, 16), 16, 10))

net = Net()
x = net.linear("embed", "x", 64, 16)
scores = net.op("Softmax", net.linear("blocks.0.mlp.router", x, 16, 3), axis=-1)
shares = helper.make_node("Split", [scores], [f"share{i}" for i in range(3)], name="split", axis=-1, num_outputs=3)
net.nodes.append(shares)
parts = [net.op("Mul", forward(net, f"blocks.0.mlp.experts.{i}.", x), f"share{i}") for i in range(3)]
x = net.op("Add", x, net.op("Sum", *parts))
net.save("experts.onnx", net.linear("head", net.norm("norm", x, 16), 16, 10))
