"""Diagnoses of trees, with what passed the layers given."""

import pytest

jax = pytest.importorskip("jax")

import fanin.jax
import jax.numpy as jnp
import numpy as np


def net(depth=12, width=128):
    leaf = jax.ShapeDtypeStruct
    return {f"Dense_{at}": {"kernel": leaf((width, width), jnp.float32), "bias": leaf((width,), jnp.float32)} for at in range(depth)}


def passed(params, x):
    """Every layer's output before its rectifier."""
    found = {}
    for name, layer in params.items():
        found[name] = x @ layer["kernel"] + layer["bias"]
        x = jax.nn.relu(found[name])
    return found


def names(report):
    return {finding["name"] for finding in report.findings}


def made(recipe):
    plan = fanin.jax.plan(net(), recipe, seed=0)
    params = fanin.jax.init(net(), None, plan)
    # JAX sorts the keys of a mapping: `Dense_10` before `Dense_2`.
    params = {name: params[name] for name in net()}
    return plan, params, passed(params, jax.random.normal(jax.random.key(0), (64, 128)))


def test_signals_that_were_given_are_judged():
    plan, params, outputs = made("he")
    report = fanin.jax.diagnose(params, outputs, follows="relu", plan=plan, loss=(2.31, 2.30))
    assert not {"fading", "exploding"} & names(report) and all(row["equal"] for row in report.weights)
    assert [row["name"] for row in report.layers] == list(outputs) and report.layers[-1]["depth"] == 12
    assert report.layers[0]["forward"] == pytest.approx(2, rel=0.1) and report.layers[0]["follows"]["activation"] == "relu"
    assert report.loss["measured"] == 2.31 and report.layers[0]["has_bias"] if "has_bias" in report.layers[0] else True
    _, params, outputs = made("xavier")
    report = fanin.jax.diagnose(params, outputs, follows="relu")
    assert "fading" in names(report)
    assert any("fanin.jax.init(params, None, fanin.jax.plan(params" in finding["remedy"] for finding in report.findings)


def test_gradients_that_were_given_are_judged():
    _, params, outputs = made("he")
    back = {name: np.full(value.shape, 2.0**-at, np.float32) for at, (name, value) in enumerate(reversed(outputs.items()))}
    report = fanin.jax.diagnose(params, outputs, gradients=back, follows="relu")
    assert report.layers[-1]["backward"] == 1 and "vanishing_gradient" in names(report)


def test_weights_alone_and_names_that_are_none():
    plan, params, outputs = made("he")
    report = fanin.jax.diagnose(params, plan=plan)
    assert report and not report.layers and len(report.weights) == 24
    params["Dense_3"]["kernel"] = params["Dense_3"]["kernel"] * 1.2
    assert not fanin.jax.diagnose(params, plan=plan)
    with pytest.raises(fanin.Refused, match="Dense_99"):
        fanin.jax.diagnose(params, {"Dense_99": outputs["Dense_1"]})


def test_the_jacobian_is_the_products():
    plan, params, outputs = made("he")
    x = jax.random.normal(jax.random.key(1), (11, 128))
    apply = lambda x: passed(params, x)["Dense_1"]
    found = fanin.jax.diagnose(params, outputs, plan=plan, apply=apply, inputs=x).data["jacobian"]
    assert (found["outputs"], found["inputs"], found["samples"], found["exact"]) == (128, 128, 8, True)
    first, second = (np.asarray(params[f"Dense_{at}"]["kernel"], np.float64) for at in range(2))
    rows = [np.linalg.svd(first * (np.asarray(x[at] @ first) > 0) @ second, compute_uv=False) for at in range(8)]
    assert found["largest"] == pytest.approx(np.exp(np.log([values[0] for values in rows]).mean()), rel=1e-3)
    assert found["mean_square"] == pytest.approx(np.square(rows).sum() / 8 / 128, rel=1e-4)
    # Without layers the weights and the Jacobian are there.
    assert fanin.jax.diagnose(params, apply=apply, inputs=x).data["jacobian"] == found
    for wrong in ({"inputs": None}, {"inputs": jnp.zeros((3, 4), jnp.int32)}, {"inputs": x, "apply": lambda x: x.sum()}):
        with pytest.raises(fanin.Refused, match="expected"):
            fanin.jax.diagnose(params, **({"apply": apply} | wrong))


def test_what_flax_captures():
    linen = pytest.importorskip("flax.linen")

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            for _ in range(3):
                x = linen.relu(linen.Dense(32)(linen.LayerNorm()(x)))
            return linen.Dense(4)(x)

    model, x = Net(), jax.random.normal(jax.random.key(0), (16, 8))
    params = model.init(jax.random.key(1), x)
    _, state = model.apply(params, x, capture_intermediates=True)
    report = fanin.jax.diagnose(params, state["intermediates"], follows="relu")
    assert [row["name"] for row in report.layers] == [f"Dense_{at}" for at in range(4)]
