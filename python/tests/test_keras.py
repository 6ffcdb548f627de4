"""Keras: initializers against Keras' own, configurations and seeds, plans and values of models."""

import pytest

keras = pytest.importorskip("keras")

import fanin
import fanin.keras
import numpy as np
from sampling import BOUND, differs

NAMES = ["RandomNormal", "TruncatedNormal", "RandomUniform", "GlorotUniform", "GlorotNormal", "LecunNormal", "LecunUniform"]
NAMES += ["HeNormal", "HeUniform"]


def values(tensor):
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(700, 500), (5, 5, 100, 150), (200_000,)])
def test_laws_are_keras_own(name, shape):
    one, other = (values(getattr(m, name)(seed=3)(shape)) for m in (keras.initializers, fanin.keras))
    assert differs(one, other) < BOUND
    assert differs(one, other * 1.05) > BOUND, "a law 5 % off would be seen"


def test_scaling_of_any_mode_and_axes():
    for arguments in [
        {"scale": 3.0, "mode": "fan_avg", "distribution": "untruncated_normal"},
        {"mode": "fan_out", "distribution": "uniform"},
    ]:
        one, other = (values(m.VarianceScaling(seed=3, **arguments)((600, 400))) for m in (keras.initializers, fanin.keras))
        assert differs(one, other) < BOUND


def test_orthogonal_columns():
    made = values(fanin.keras.Orthogonal(gain=2.0, seed=1)((3, 4, 5, 20))).reshape(60, 20)
    assert np.allclose(made.T @ made, 4 * np.eye(20), atol=1e-5)
    made = values(fanin.keras.Orthogonal(seed=1)((8, 30)))
    assert np.allclose(made @ made.T, np.eye(8), atol=1e-5)
    with pytest.raises(ValueError, match="two dimensions"):
        fanin.keras.Orthogonal()((5,))


@pytest.mark.parametrize("name", ["Zeros", "Ones", "Constant", "Identity", "VarianceScaling", "Orthogonal", "Method", *NAMES])
def test_configurations_come_back(name):
    arguments = {"Method": {"call": "he(fan=out)", "seed": 5}, "Constant": {"value": 2.0}}.get(name, {})
    made = getattr(fanin.keras, name)(**arguments)
    again = keras.initializers.deserialize(keras.initializers.serialize(made))
    assert type(again) is type(made) and again.get_config() == made.get_config()
    if name != "Method":
        assert isinstance(made, getattr(keras.initializers, name))


def test_seeds_mean_what_they_mean_in_keras():
    made = lambda seed: fanin.keras.HeNormal(seed=seed)
    fixed, free = made(7), made(None)
    assert np.array_equal(values(fixed((4, 4))), values(fixed((4, 4)))) and np.array_equal(values(free((4, 4))), values(free((4, 4))))
    assert np.array_equal(values(made(7)((4, 4))), values(fixed((4, 4)))) and not np.array_equal(values(made(8)((4, 4))), values(fixed((4, 4))))
    stream = made(keras.random.SeedGenerator(1))
    first = values(stream((4, 4)))
    assert not np.array_equal(first, values(stream((4, 4))))
    assert np.array_equal(first, values(made(keras.random.SeedGenerator(1))((4, 4))))
    with pytest.raises(ValueError, match="seed"):
        made("x")
    with pytest.raises(fanin.Refused, match="no random numbers"):
        fixed((3, 3), dtype="int32")


def net():
    return keras.Sequential(
        [
            keras.Input((12, 12, 4)),
            keras.layers.Conv2D(8, 3, groups=2, activation="relu", name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Conv2DTranspose(6, 4, strides=2, name="up"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Reshape((6, 1)),
            keras.layers.LSTM(5, name="lstm"),
            keras.layers.Dense(3, name="head"),
        ],
        name="net",
    )


def test_models_are_planned_by_paths_in_keras_layouts():
    model = net()
    plan = fanin.keras.plan(model, "auto", seed=2)
    fans = {name.removeprefix("net/"): (d.role, d.fan_in, d.fan_out) for name, d in plan.items()}
    assert fans["conv/kernel"] == ("weight", 2 * 9, 8 / 2 * 9) and fans["up/kernel"] == ("weight", 8 * 16 / 4, 6 * 16)
    assert fans["head/kernel"] == ("weight", 5, 3) and fans["norm/gamma"][0] == "scale" and fans["norm/beta"][0] == "shift"
    recurrent = next(name for name in fans if name.endswith("recurrent_kernel"))
    assert fans[recurrent] == ("recurrent", 5, 5) and plan["net/norm/moving_variance"].action == "keep"
    assert plan["net/conv/kernel"].call == "he(follows=true)" and not plan.unsure
    filled = fanin.keras.init_(model, plan)
    kernel = next(v for v in model.weights if v.path == "net/conv/kernel")
    assert np.array_equal(values(kernel), plan.fill("net/conv/kernel", np.empty((3, 3, 2, 8), np.float32)))
    assert "net/norm/moving_mean" not in filled and len(filled) + 2 == len(model.weights)
    with pytest.raises(fanin.Refused, match="no variables"):
        fanin.keras.plan(keras.Sequential([keras.layers.Dense(3)]))
    with pytest.raises(fanin.Refused, match="the plan says nothing of it"):
        fanin.keras.init_(keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="other")]), plan)
    assert fanin.init(model, plan=plan) is plan


def test_a_method_serves_a_layer():
    layer = keras.layers.Dense(200, kernel_initializer=fanin.keras.Method(fanin.methods.he(fan="out"), seed=1))
    layer.build((None, 300))
    assert values(layer.kernel).std() == pytest.approx((2 / 200) ** 0.5, rel=0.02)
