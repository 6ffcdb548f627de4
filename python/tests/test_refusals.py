"""Every refusal of the package, provoked: each has the five parts of a message, and none is left out."""

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import fanin
import numpy as np
import pytest
from fanin import _fanin, cluster, errors
from test_wrong_use import told

PACKAGE = Path(fanin.__file__).parent
NET = "mlp:8-8-4:relu"
#: Calls that make a refusal; and for each that was made the file of the package and the line.
MAKERS, MADE = ("refused", "errors.refused", "Refused.of", "FileError.of"), set()


@pytest.fixture(autouse=True)
def noted(monkeypatch):
    made = errors.Error.of.__func__

    def of(cls, parts):
        frame = sys._getframe(1)
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            if PACKAGE in path.parents:
                MADE.add((path, frame.f_lineno))
            frame = frame.f_back
        return made(cls, parts)

    monkeypatch.setattr(errors.Error, "of", classmethod(of))


def floats(*shape):
    return np.empty(shape, np.float32)


def read_only(array):
    array.flags.writeable = False
    return array


def planned():
    return fanin.plan(NET)


def two_of_one_key():
    data = planned().to_dict()
    drawn = [decision for decision in data["decisions"] if decision["action"] == "fill" and decision["std"]]
    drawn[1]["key"] = drawn[0]["key"]
    return fanin.Plan.from_json(json.dumps(data))


def a_worker_without_fanin():
    class Lost(Exception):
        cause = ModuleNotFoundError("No module named 'fanin'")

    def get(task):
        raise Lost

    ray = SimpleNamespace(exceptions=SimpleNamespace(RayTaskError=Lost, RayError=Lost), get=get)
    return cluster._settle(ray, SimpleNamespace(put=None), "id", None)


def without_ray():
    before = sys.modules.get("ray")
    sys.modules["ray"] = None
    try:
        return fanin.compare(NET, engine="ray", strategies="he", seeds=1, steps=1, out="never")
    finally:
        sys.modules.pop("ray") if before is None else sys.modules.update(ray=before)


CASES = {
    # Arrays.
    "elements that are no numbers": (lambda: fanin.fill(np.empty(3, object), "he", name="w"), "w", "object"),
    "an array that is read-only": (lambda: fanin.fill(read_only(floats(4, 4)), "he", name="w"), "w", "read-only"),
    "no array": (lambda: fanin.fill([1.0], "he", name="w"), "w", "list"),
    "a seed twice": (lambda: (fanin.fill(a := floats(4, 4), "normal", seed=4321), fanin.fill(floats(3), "normal", seed=4321), a), "", "4321"),
    "a seed below 0": (lambda: fanin.fill(floats(4, 4), "he", name="w", seed=-1), "seed", "-1"),
    "a seed that is no number": (lambda: fanin.plan(NET, seed="x"), "seed", "'x'"),
    "a region below 0": (lambda: fanin.fill(floats(4), "he", name="w", region=(-1, 3), shape=[8]), "region", "(-1, 3)"),
    "a region beyond": (lambda: fanin.fill(floats(4), "normal", name="w", region=(6, 10), shape=[8]), "w", "10"),
    "a buffer of another size": (lambda: fanin.fill(floats(4), "normal", name="w", region=(0, 3), shape=[8]), "w", "12 bytes"),
    "elements that hold no random numbers": (lambda: fanin.fill(np.empty((4, 4), np.int32), "normal", name="w"), "w", "i32"),
    "an element type that is none": (lambda: fanin.plan(NET, dtype="f12"), "dtype", "f12"),
    "bytes that are read-only": (lambda: _fanin.fill(read_only(np.zeros(8, np.uint8)), "normal", [2], "f32"), "", "read-only"),
    "bytes with gaps": (lambda: _fanin.fill(np.zeros(16, np.uint8)[::2], "normal", [2], "f32"), "", "gaps"),
    "a digest of other bytes": (lambda: fanin.Digest.of(np.zeros(8, np.uint8), "w", "f32", [3]), "w", "8 bytes"),
    "threads without end": (lambda: fanin.set_threads(10**9), "count", "1000000000"),
    # Calls.
    "a call that cannot be read": (lambda: fanin.fill(floats(4, 4), "he((", name="w"), "", "character 4"),
    "a method that is none": (lambda: fanin.fill(floats(4, 4), "hee", name="w"), "w", "`he`"),
    "an argument that is none": (lambda: fanin.call("he", fam=1), "", "fam"),
    "a value that is none": (lambda: fanin.methods.he(fan="up"), "", "up"),
    "axes that are none": (lambda: fanin.fill(floats(4, 4), "he", name="w", axes="up,down"), "", "up,down"),
    "axes that are not known": (lambda: fanin.fill(floats(3), "he", name="w"), "w", "[3]"),
    "nothing to explain": (lambda: fanin.explain("nothing at all"), "", "nothing at all"),
    # Plans.
    "a model that nobody knows": (lambda: fanin.plan(object()), "", "object"),
    "lists in place of arrays": (lambda: fanin.plan({"a.weight": [[1.0]]}), "a.weight", "list"),
    "a recipe that is none": (lambda: fanin.plan(NET, "nothing"), "recipe", "nothing"),
    "a rule that cannot be read": (lambda: fanin.plan(NET, set=["*zeros"]), "", "*zeros"),
    "a fact that is none": (lambda: fanin.plan(NET, say={"*": "big"}), "", "big"),
    "an option that is none": (lambda: fanin.plan(NET, options={"q": 1}), "", "q"),
    "a task that is none": (lambda: fanin.plan(NET, task="sorting"), "", "sorting"),
    "data that are none": (lambda: fanin.plan(NET, data="nothing"), "--data", "nothing"),
    "a short architecture with mistakes": (lambda: fanin.plan("mlp:8-x-8"), "mlp:8-x-8", "character 7"),
    "a plan that is no plan": (lambda: fanin.Plan.from_json("{}"), "plan text", "stream"),
    "two of one key": (two_of_one_key, "layers.1.weight", "layers.0.weight"),
    "a name that the plan has not": (lambda: planned().fill("layers.0.wieght", floats(8, 8)), "layers.0.wieght", "`layers.0.weight`"),
    "a shape that the plan has not": (lambda: planned().fill("layers.0.weight", floats(8, 9)), "layers.0.weight", "[8, 9]"),
    "a tensor that stays": (lambda: fanin.plan(NET, set={"*": "keep"}).fill("layers.0.weight", floats(8, 8)), "layers.0.weight", "kept"),
    "arrays of another model": (lambda: fanin.init({"b": floats(2)}, plan=planned()), "b", "plan"),
    # Files.
    "a file without a target": (lambda: fanin.init(NET), NET, "out="),
    "a tensor that the file has not": (lambda: fanin.open(NET).tensor("x"), "x", "no such tensor"),
    # Comparisons and diagnoses.
    "an engine that is none": (lambda: fanin.compare(NET, engine="steam"), "engine", "steam"),
    "a model in memory": (lambda: fanin.compare(object()), "model", "object"),
    "a strategy that is none": (lambda: fanin.compare(NET, strategies="nothing", out="never"), "--strategies", "nothing"),
    "strategies of which none can be run": (lambda: fanin.compare("nothing.onnx", strategies="he", seeds=1, out="never"), "he", "nothing.onnx"),
    "a number of seeds below 0": (lambda: fanin.compare(NET, seeds=-1), "arguments", "-1"),
    "a batch of nothing": (lambda: fanin.diagnose(NET, batch=0), "arguments", "--batch"),
    "a cell of another version": (lambda: _fanin.cell("{}", 1), "cell", "missing field"),
    "a worker without fanin": (a_worker_without_fanin, "engine", "fanin"),
    "no Ray": (without_ray, "engine", "ray"),
}


@pytest.mark.parametrize("name", CASES)
def test_refusals(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, param, word = CASES[name]
    with pytest.raises(fanin.Refused) as caught:
        call()
    told(caught, word)
    assert caught.value.problems[0].param == param


def missing_data(tmp_path):
    fanin.init(NET, tmp_path / "net.onnx")
    (tmp_path / "other.txt").write_text("{")
    return fanin.open(tmp_path / "net.onnx")


FILES = {
    "a model that is not there": (lambda at: fanin.open(at / "none.onnx"), "none.onnx"),
    "a model that is none": (lambda at: fanin.open(at / "other.txt"), "formats"),
    "a folder without weights": (lambda at: fanin.open(at), "model.safetensors"),
    "a target that is there": (lambda at: fanin.init(NET, at / "net.onnx"), "overwrite=True"),
    "a target nowhere": (lambda at: fanin.init(NET, at / "none" / "net.onnx"), "none"),
    "a plan that is not there": (lambda at: fanin.Plan.load(at / "none.json"), "none.json"),
    "a plan with nowhere to go": (lambda at: planned().save(at / "none" / "plan.json"), "plan.json"),
    "a recipe that is not there": (lambda at: fanin.plan(NET, at / "none.toml"), "none.toml"),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name, tmp_path):
    missing_data(tmp_path)
    call, word = FILES[name]
    with pytest.raises(fanin.FileError) as caught:
        call(tmp_path)
    assert isinstance(caught.value, OSError) and word in str(caught.value)
    for problem in caught.value.problems:
        assert all(problem) and all(part in str(caught.value) for part in problem), problem


def test_a_tensor_whose_data_are_missing(tmp_path, monkeypatch):
    model = missing_data(tmp_path)
    monkeypatch.setattr(model, "_core", SimpleNamespace(params=model._core.params, bytes=lambda name: None))
    with pytest.raises(fanin.Refused) as caught:
        model.tensor("layers.0.weight")
    told(caught, "missing", "layers.0.weight")


def test_torch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    import fanin.torch
    from fanin.torch import layout, signals
    from torch import nn

    plan, meta = fanin.torch.plan(nn.Linear(4, 4), seed=0), torch.empty(4, 4, device="meta")
    partial = SimpleNamespace(is_replicate=lambda: False, is_partial=lambda: True)
    sharded = SimpleNamespace(shape=(4,), ndim=1, placements=[partial], device_mesh=SimpleNamespace(get_coordinate=lambda: (0,)))
    # What this rank holds is not what the placements say.
    strange = SimpleNamespace(
        shape=(4,), ndim=1, placements=[], to_local=lambda: torch.empty(3), device_mesh=SimpleNamespace(get_coordinate=lambda: (0,))
    )
    zero = SimpleNamespace(ds_tensor=torch.empty(4), ds_numel=4, ds_shape=(4,), ds_secondary_tensor=torch.empty(4))
    broken, mute = nn.Linear(3, 3), nn.Linear(3, 3)
    broken.forward = lambda x: x @ torch.zeros(7, 7)
    mute.forward = lambda x: "nothing"
    pieces = nn.Linear(4, 4)
    pieces.weight.ds_tensor, pieces.weight.ds_numel, pieces.weight.ds_shape = torch.empty(16), 16, (4, 4)
    wiped = fanin.torch.Filled(buffers=["rope"])
    cases = {
        "meta": lambda: layout.local(meta, "w"),
        "sparse": lambda: layout.local(torch.eye(3).to_sparse(), "w"),
        "partial": lambda: layout.local(SimpleNamespace(**vars(sharded), to_local=lambda: torch.empty(4)), "w"),
        "it holds": lambda: layout.local(strange, "w"),
        "hpZ": lambda: layout.local(zero, "w"),
        "another model": lambda: fanin.torch.init_(nn.Linear(5, 4), plan),
        "shards of another": lambda: fanin.torch.init_shards_(
            {"x": SimpleNamespace(key="wight", data=torch.empty(2), global_shape=(4, 4), global_offset=(0, 0))}, plan
        ),
        "buffers": wiped.check,
        "lazy": lambda: fanin.torch.plan(nn.LazyLinear(3)),
        "mode": lambda: fanin.torch.init.kaiming_normal_(torch.empty(3, 3), mode="fan_up"),
        "fans": lambda: fanin.torch.init.xavier_normal_(torch.empty(3)),
        "lsuv, sharded": lambda: fanin.torch.lsuv_(pieces, plan, torch.randn(8, 4)),
        "lsuv, zeros": lambda: fanin.torch.lsuv_(
            nn.Linear(4, 4), fanin.torch.plan(nn.Linear(4, 4), seed=0, set={"*": "zeros"}), torch.randn(8, 4)
        ),
        "a word": lambda: signals._tensor("nothing"),
    }
    if all(map(_is_there, ("onnx", "onnxscript"))):
        cases["export"] = lambda: fanin.torch.export(broken, torch.randn(2, 3), tmp_path / "net.onnx")
    cases["onnx is missing"] = lambda: _without("onnxscript", lambda: fanin.torch.export(mute, torch.randn(2, 3), tmp_path / "x.onnx"))
    for name, call in cases.items():
        with pytest.raises(fanin.Refused) as caught:
            call()
        told(caught), name


def _is_there(name):
    import importlib.util

    return importlib.util.find_spec(name) is not None


def _without(module, call):
    """As if a module were not installed."""
    held = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == module}
    sys.modules[module] = None
    try:
        return call()
    finally:
        del sys.modules[module]
        sys.modules.update(held)


def test_keras():
    keras = pytest.importorskip("keras")
    import fanin.keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])

    class Traced:
        def next(self):
            raise TypeError("a tensor without a value")

    def traced():
        return fanin.keras.initializers._seed(Traced())

    cases = [
        lambda: fanin.keras.plan(keras.Sequential([keras.layers.Dense(4)])),
        lambda: fanin.keras.init_(model, planned()),
        traced,
        lambda: fanin.keras.RandomNormal()((3, 3), "int32"),
        lambda: fanin.keras.Orthogonal()((3,)),
    ]
    for call in cases:
        with pytest.raises(fanin.Refused) as caught:
            call()
        told(caught)


def test_jax():
    jax = pytest.importorskip("jax")
    import fanin.jax
    import jax.numpy as jnp

    key, tree = jax.random.key(0), {"Dense_0": {"kernel": jnp.zeros((4, 4)), "bias": jnp.zeros(4)}}
    plan, passed = fanin.jax.plan(tree), {"Dense_0": jnp.zeros((2, 4))}
    cases = [
        lambda: fanin.jax.init(tree, [None, None, jax.sharding.SingleDeviceSharding(jax.devices()[0])], plan),
        lambda: fanin.jax.init({"Dense_0": {"kernel": jnp.zeros((5, 4)), "bias": jnp.zeros(4)}}, None, plan),
        lambda: fanin.jax.normal()(key, (3, 3), jnp.int32),
        lambda: fanin.jax.uniform()(key, (3, 3), jnp.complex64),
        lambda: fanin.jax.variance_scaling(1.0, "fan_up", "normal"),
        lambda: fanin.jax.he_normal()(key, (3,)),
        lambda: fanin.jax.orthogonal()(key, (3,)),
        lambda: fanin.jax.delta_orthogonal()(key, (3, 4, 3)),
        lambda: fanin.jax.diagnose(tree, {"Dense_9": jnp.zeros((2, 4))}),
        lambda: fanin.jax.diagnose(tree, {"Dense_9": {"__call__": (jnp.zeros((2, 4)),)}}),
        lambda: fanin.jax.diagnose(tree, passed, apply=lambda x: x),
        lambda: fanin.jax.diagnose(tree, passed, apply=jnp.sum, inputs=jnp.zeros((2, 4))),
    ]
    for at, call in enumerate(cases):
        with pytest.raises(fanin.Refused) as caught:
            call()
        told(caught), at


def sites():
    """The calls in the package that make a refusal: file, first line, last line."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in MAKERS:
                yield path, node.lineno, node.end_lineno


def test_none_was_left_out(request):
    """Runs last in this file: every line that refuses has done so."""
    if len(request.session.items) < len(CASES) + len(FILES) or not all(map(_is_there, ("torch", "keras", "jax", "onnxscript"))):
        pytest.skip("only with all of this file and all frameworks")
    left = [f"{path.relative_to(PACKAGE)}:{first}" for path, first, last in sites()
            if not any(path == made and first <= line <= last for made, line in MADE)]
    assert not left
