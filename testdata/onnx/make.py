"""Makes the small ONNX files of this folder: one for each place and each form in which a model can hold a tensor.

Run with `python make.py` in an environment with numpy and onnx; the outputs are committed beside it.
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(1)


def raw(name, shape, dtype=np.float32, scale=0.1):
    return numpy_helper.from_array((rng.standard_normal(shape) * scale).astype(dtype), name)


def info(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def save(name, nodes, inputs, outputs, initializers=(), ir=8, opset=17, **more):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers), **more)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    model.producer_name = "fanin-testdata"
    onnx.checker.check_model(model, full_check=True)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    return model


def typed(name, dtype, shape, values):
    """A tensor whose elements stand in the typed field rather than in raw_data."""
    return helper.make_tensor(name, dtype, shape, values)


def typed_fields():
    # One chain of Gemm nodes a dtype: float_data, double_data, int32_data holding f16 and bf16.
    def numbers(n):
        return (rng.standard_normal(n) * 0.1).tolist()

    tensors = [
        typed("w32", TensorProto.FLOAT, [4, 4], numbers(16)),
        typed("b32", TensorProto.FLOAT, [4], numbers(4)),
        typed("w64", TensorProto.DOUBLE, [4, 4], numbers(16)),
        typed("b64", TensorProto.DOUBLE, [4], numbers(4)),
        typed("w16", TensorProto.FLOAT16, [4, 4], np.array(numbers(16), np.float16)),
        typed("wb16", TensorProto.BFLOAT16, [4, 4], numbers(16)),
        typed("shape", TensorProto.INT64, [2], [-1, 4]),
    ]
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["x2"]),
        helper.make_node("Gemm", ["x2", "w32", "b32"], ["y32"]),
        helper.make_node("Relu", ["y32"], ["r32"]),
        helper.make_node("Cast", ["r32"], ["c64"], to=TensorProto.DOUBLE),
        helper.make_node("Gemm", ["c64", "w64", "b64"], ["y64"]),
        helper.make_node("Cast", ["y64"], ["c16"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["c16", "w16"], ["y16"]),
        helper.make_node("Cast", ["wb16"], ["wb"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["y16"], ["c32"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["c32", "wb"], ["y"]),
    ]
    save("typed", nodes, [info("x", [2, 4])], [info("y", [2, 4])], tensors)


def constants():
    # Weights in Constant nodes: value, value_floats, value_float.
    nodes = [
        helper.make_node("Constant", [], ["w"], value=raw("", (4, 8))),
        helper.make_node("Constant", [], ["b"], value_floats=[0.5, -0.5, 0.25, 0.0, 1.0, 2.0, 3.0, 4.0]),
        helper.make_node("Constant", [], ["s"], value_float=0.5),
        helper.make_node("Constant", [], ["axes"], value_ints=[-1]),
        helper.make_node("MatMul", ["x", "w"], ["y0"]),
        helper.make_node("Add", ["y0", "b"], ["y1"]),
        helper.make_node("Mul", ["y1", "s"], ["y2"]),
        helper.make_node("ReduceSum", ["y2", "axes"], ["y"], keepdims=1),
    ]
    save("constants", nodes, [info("x", [2, 4])], [info("y", [2, 1])])


def nested():
    # An If whose branches hold weights as initializer, Constant node and ConstantOfShape; a Loop and a Scan that use
    # weights of their own and of the graph around them.
    then = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w_then"], ["then_out"])], "then", [], [info("then_out", [2, 4])],
        [raw("w_then", (4, 4))])
    other = helper.make_graph(
        [
            helper.make_node("Constant", [], ["w_else"], value=raw("", (4, 4))),
            helper.make_node("Constant", [], ["else_shape"], value=numpy_helper.from_array(np.array([4], np.int64))),
            helper.make_node("ConstantOfShape", ["else_shape"], ["b_else"], name="else_bias",
                             value=numpy_helper.from_array(np.array([0.5], np.float32))),
            helper.make_node("Gemm", ["x", "w_else", "b_else"], ["else_out"]),
        ], "else", [], [info("else_out", [2, 4])])
    loop = helper.make_graph(
        [
            helper.make_node("Identity", ["cond_in"], ["cond_out"]),
            helper.make_node("MatMul", ["v_in", "w_loop"], ["v0"]),
            helper.make_node("Add", ["v0", "shared"], ["v_out"]),
        ], "loop", [info("i", [], TensorProto.INT64), info("cond_in", [], TensorProto.BOOL), info("v_in", [2, 4])],
        [info("cond_out", [], TensorProto.BOOL), info("v_out", [2, 4])], [raw("w_loop", (4, 4))])
    scan = helper.make_graph(
        [helper.make_node("MatMul", ["row", "w_scan"], ["r0"]), helper.make_node("Add", ["state", "r0"], ["state_out"]),
         helper.make_node("Identity", ["state_out"], ["scan_out"])],
        "scan", [info("state", [4]), info("row", [4])], [info("state_out", [4]), info("scan_out", [4])],
        [raw("w_scan", (4, 4))])
    nodes = [
        helper.make_node("If", ["flag"], ["y0"], then_branch=then, else_branch=other),
        helper.make_node("Loop", ["trips", "", "y0"], ["y1"], body=loop),
        helper.make_node("Scan", ["start", "y1"], ["last", "rows"], body=scan, num_scan_inputs=1),
        helper.make_node("Add", ["rows", "shared"], ["y"]),
    ]
    tensors = [numpy_helper.from_array(np.array(3, np.int64), "trips"), numpy_helper.from_array(np.zeros(4, np.float32), "start"),
               numpy_helper.from_array(np.zeros(4, np.float32), "shared")]
    save("nested", nodes, [info("x", [2, 4]), info("flag", [], TensorProto.BOOL)], [info("y", [2, 4])], tensors)


def filled(ir):
    # ConstantOfShape as weights; before IR version 4 every initializer is a formal input too.
    shapes = [numpy_helper.from_array(np.array(s, np.int64), n) for n, s in [("ws", [4, 4]), ("bs", [4]), ("w2s", [4, 3])]]
    value = numpy_helper.from_array(np.array([0.02], np.float32))
    nodes = [
        helper.make_node("ConstantOfShape", ["ws"], ["w"], value=value),
        helper.make_node("ConstantOfShape", ["bs"], ["b"]),
        helper.make_node("ConstantOfShape", ["w2s"], ["w2"], value=value),
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w2"], ["y"]),
    ]
    inputs = [info("x", [2, 4])] + ([info(n, [len(s)], TensorProto.INT64) for n, s in
                                     [("ws", [4, 4]), ("bs", [4]), ("w2s", [4, 3])]] if ir < 4 else [])
    save(f"filled_ir{ir}", nodes, inputs, [info("y", [2, 3])], shapes, ir=ir, opset=9 if ir < 4 else 17)


def shared(ir, guard=False):
    # What exporters make of equal tensors: one vector of zeros as three biases, one of them through Identity, one of
    # ones as three scales. With a guard, the zeros are also the floor of a maximum, which is no bias.
    tensors = [raw(f"w{i}", (4, 4)) for i in range(3)]
    tensors += [numpy_helper.from_array(np.zeros(4, np.float32), "zeros"), numpy_helper.from_array(np.ones(4, np.float32), "ones")]
    nodes = [helper.make_node("Identity", ["zeros"], ["alias"])]
    x = "x"
    for i in range(3):
        nodes.append(helper.make_node("Gemm", [x, f"w{i}", "alias" if i == 2 else "zeros"], [f"g{i}"], name=f"fc{i}"))
        nodes.append(helper.make_node("Mul", [f"g{i}", "ones"], [f"m{i}"], name=f"scale{i}"))
        nodes.append(helper.make_node("Relu", [f"m{i}"], [f"r{i}"]))
        x = f"r{i}"
    nodes.append(helper.make_node("Max", [x, "zeros"], ["y"], name="floor") if guard else helper.make_node("Identity", [x], ["y"]))
    inputs = [info("x", [2, 4])] + ([info(t.name, list(t.dims)) for t in tensors] if ir < 4 else [])
    save("shared_guard" if guard else f"shared_ir{ir}", nodes, inputs, [info("y", [2, 4])], tensors, ir=ir, opset=9 if ir < 4 else 17)


def external():
    # Data beside the model: two weights and a table that is kept, with gaps; and the same model without its file.
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("MatMul", ["e", "w"], ["h"]),
         helper.make_node("Add", ["h", "b"], ["y"]), helper.make_node("Gather", ["index", "ids"], ["ids2"])],
        "external", [info("ids", [3], TensorProto.INT64)], [info("y", [3, 16]), info("ids2", [3], TensorProto.INT64)],
        [raw("table", (32, 16)), raw("w", (16, 16)), raw("b", (16,)),
         numpy_helper.from_array(np.arange(32, dtype=np.int64)[::-1].copy(), "index")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = bytearray()
    for tensor in model.graph.initializer:
        if tensor.name == "b":
            continue
        data += b"\xaa" * (-len(data) % 64 + 64)
        del tensor.external_data[:]
        for key, value in [("location", "external.bin"), ("offset", str(len(data))), ("length", str(len(tensor.raw_data)))]:
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        data += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
    (HERE / "external.bin").write_bytes(data)
    (HERE / "external.onnx").write_bytes(model.SerializeToString(deterministic=True))
    # Without the kept table everything that is missing can be drawn.
    del model.graph.initializer[3], model.graph.node[3], model.graph.output[1]
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "missing.bin"
    (HERE / "external_missing.onnx").write_bytes(model.SerializeToString(deterministic=True))


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def odd():
    # What protobuf allows and few writers do: the graph in two pieces, unknown fields at every level, a group, unpacked
    # floats, packed dims, a length written longer than needed.
    unknown = field(9999, b"unknown") + varint(9998 << 3) + varint(7) + varint(9997 << 3 | 3) + varint(9997 << 3 | 4)
    dims = field(1, varint(2) + varint(2))
    floats = b"".join(varint(4 << 3 | 5) + np.float32(v).tobytes() for v in [0.1, 0.2, 0.3, 0.4])
    tensor = dims + varint(2 << 3) + varint(1) + floats + field(8, b"w") + unknown
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="mm").SerializeToString() + unknown
    first = field(1, node) + field(2, b"odd") + unknown
    second = varint(5 << 3 | 2) + b"%c\x80\x00" % (len(tensor) | 0x80) + tensor
    second += field(11, info("x", [1, 2]).SerializeToString()) + field(12, info("y", [1, 2]).SerializeToString())
    opset = field(8, helper.make_opsetid("", 17).SerializeToString())
    model = varint(1 << 3) + varint(8) + field(7, first) + unknown + opset + field(7, second) + field(2, b"fanin-testdata") + unknown
    onnx.checker.check_model(onnx.load_model_from_string(model), full_check=True)
    (HERE / "odd.onnx").write_bytes(model)


def kinds():
    # Things that are carried along: text, 4-bit integers, an unused sparse tensor, an empty tensor, a module path.
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.array([1.0, 2.0], np.float32), "sparse"),
        numpy_helper.from_array(np.array([0, 5], np.int64), "sparse_indices"), [8])
    tensors = [
        raw("w", (4, 8)),
        numpy_helper.from_array(np.zeros((0, 8), np.float32), "empty"),
        helper.make_tensor("text", TensorProto.STRING, [1], [b"hello"]),
        helper.make_tensor("four", TensorProto.UINT4, [3], [1, 2, 3]),
    ]
    node = helper.make_node("MatMul", ["x", "w"], ["h"], name="mm")
    entry = node.metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.name_scopes", "['', 'block.0', 'block.0.proj', 'linear']"
    nodes = [node, helper.make_node("Concat", ["h", "empty"], ["y"], axis=0),
             helper.make_node("Identity", ["text"], ["t"])]
    outputs = [info("y", [2, 8]), info("t", [1], TensorProto.STRING)]
    save("kinds", nodes, [info("x", [2, 4])], outputs, tensors, ir=10, opset=21, sparse_initializer=[sparse])


def tied(form):
    # A language model whose output has the embedding's rows: by a Transpose node, as a second tensor with the transpose, as a
    # second tensor of the same order, or not at all.
    values = np.random.default_rng(2).standard_normal((20, 6)).astype(np.float32)
    head = {"copy": ("head", values.T), "rows": ("head", values), "untied": ("head", values.T[:, ::-1])}.get(form)
    tensors = [numpy_helper.from_array(values, "embed"), raw("w", (6, 6)), raw("b", (6,))]
    nodes = [helper.make_node("Gather", ["embed", "tokens"], ["e"]), helper.make_node("MatMul", ["e", "w"], ["h0"]),
             helper.make_node("Add", ["h0", "b"], ["h1"]), helper.make_node("Relu", ["h1"], ["h"])]
    if head is None:
        nodes.append(helper.make_node("Transpose", ["embed"], ["head"], perm=[1, 0]))
    else:
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(head[1]), "head"))
    if form == "rows":
        nodes.append(helper.make_node("Gemm", ["h", "head"], ["logits"], transB=1))
    else:
        nodes.append(helper.make_node("MatMul", ["h", "head"], ["logits"]))
    save(f"tied_{form}", nodes, [info("tokens", [5], TensorProto.INT64)], [info("logits", [5, 20])], tensors)


def norms():
    # Root mean square norms that multiply by 1 + w: spelled out, with a cast and the number first, and as one operator; a
    # plain one of each kind beside them.
    def number(name, value):
        return numpy_helper.from_array(np.array(value, np.float32), name)

    draws = np.random.default_rng(3)
    tensors = [number("one", 1.0), number("two", 2.0), number("eps", 1e-6)]
    tensors += [numpy_helper.from_array(np.array([-1], np.int64), "axes")]
    nodes, x = [], "x"
    for i, kind in enumerate(["plus", "first", "plain", "layer_plus", "layer_plain"]):
        w, v = f"{kind}.weight", f"v{i}"
        tensors += [numpy_helper.from_array((draws.standard_normal((8, 8)) * 0.3).astype(np.float32), f"{kind}.proj")]
        tensors += [numpy_helper.from_array((draws.standard_normal(8) * 0.1).astype(np.float32), w)]
        nodes.append(helper.make_node("MatMul", [x, f"{kind}.proj"], [f"{v}p"]))
        if kind.endswith("plus"):
            nodes.append(helper.make_node("Add", [w, "one"], [f"{v}s"]))
        elif kind == "first":
            nodes.append(helper.make_node("Identity", [w], [f"{v}i"]))
            nodes.append(helper.make_node("Add", ["one", f"{v}i"], [f"{v}s"]))
        scale = w if kind.endswith("plain") else f"{v}s"
        if kind.startswith("layer"):
            nodes.append(helper.make_node("LayerNormalization", [f"{v}p", scale], [f"{v}y"]))
        else:
            nodes += [
                helper.make_node("Pow", [f"{v}p", "two"], [f"{v}q"]),
                helper.make_node("ReduceMean", [f"{v}q"], [f"{v}m"], axes=[-1], keepdims=1),
                helper.make_node("Add", [f"{v}m", "eps"], [f"{v}e"]),
                helper.make_node("Sqrt", [f"{v}e"], [f"{v}r"]),
                helper.make_node("Div", [f"{v}p", f"{v}r"], [f"{v}n"]),
                helper.make_node("Mul", [f"{v}n", scale], [f"{v}y"]),
            ]
        x = f"{v}y"
    save("norms", nodes, [info("x", [2, 8])], [info(x, [2, 8])], tensors)


typed_fields()
constants()
nested()
filled(3)
filled(8)
shared(3)
shared(8)
shared(8, guard=True)
external()
odd()
kinds()
tied("node")
tied("copy")
tied("rows")
tied("untied")
norms()
