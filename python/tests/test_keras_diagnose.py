"""Diagnoses of Keras models in whatever backend there is: healthy models pass, sick ones are told apart, nothing is left behind."""

import pytest

keras = pytest.importorskip("keras")

import fanin.keras
import numpy as np

CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
#: What Keras can differentiate here.
DIFFERENTIATES = keras.backend.backend() in ("jax", "torch", "tensorflow")


def deep(depth=16, width=128):
    layers = [keras.layers.Dense(width, activation="relu") for _ in range(depth)]
    return keras.Sequential([keras.Input((width,)), *layers, keras.layers.Dense(10)])


def batch(width=128, samples=64):
    random = np.random.default_rng(0)
    return random.standard_normal((samples, width)).astype(np.float32), random.integers(10, size=samples)


def names(report):
    return {finding["name"] for finding in report.findings}


def test_a_healthy_model_has_no_findings():
    model = deep(4)
    plan = fanin.keras.plan(model, seed=0)
    fanin.keras.init_(model, plan)
    report = fanin.keras.diagnose(model, batch(), CROSS_ENTROPY, plan=plan)
    assert report, report
    assert len(report.layers) == 5 and report.loss["uninformed"] == pytest.approx(2.25, abs=0.1)
    first, last = report.layers[0], report.layers[-1]
    assert first["follows"]["activation"] == "relu" and last["depth"] == 5 and all(row["equal"] for row in report.weights)
    # He's weights double the second moment of the rectified half.
    assert first["forward"] == pytest.approx(2, rel=0.1) and 0.4 < first["rank"] <= 1
    if DIFFERENTIATES:
        # A standard normal gradient at ten outputs, through weights of the variance 2/138, halved by each rectifier.
        assert last["backward"] == pytest.approx(1, rel=0.2) and 0 < first["backward"] < 0.2 and first["update_ratio"] > 0


def test_sick_models_are_told_apart():
    model = deep()
    fanin.keras.init_(model, fanin.keras.plan(model, "xavier", seed=0))
    report = fanin.keras.diagnose(model, batch(), CROSS_ENTROPY)
    assert "fading" in names(report)
    # What mends it is a call in Python, and it mends it.
    assert any("fanin.keras.init_(model, fanin.keras.plan(model" in finding["remedy"] for finding in report.findings)
    fanin.keras.init_(model, fanin.keras.plan(model, "auto", seed=0))
    assert "fading" not in names(fanin.keras.diagnose(model, batch(), CROSS_ENTROPY))
    fanin.keras.init_(model, fanin.keras.plan(model, seed=0, set={"*kernel": "normal(std=0.3)"}))
    assert "exploding" in names(fanin.keras.diagnose(model, batch()[0]))


@pytest.mark.skipif(not DIFFERENTIATES, reason="a backend without gradients")
def test_the_jacobian_is_the_products():
    """Of two linear layers it is the product of their kernels; behind a softmax that of the logits; of words, the embedding's."""
    linear = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5), keras.layers.Dense(4, activation="softmax")])
    first, second = (np.asarray(keras.ops.convert_to_numpy(layer.kernel), np.float64) for layer in linear.layers)
    values = np.linalg.svd(first @ second, compute_uv=False)
    found = fanin.keras.diagnose(linear, np.random.default_rng(0).standard_normal((12, 6)).astype(np.float32)).data["jacobian"]
    assert (found["outputs"], found["inputs"], found["samples"], found["exact"]) == (4, 6, 8, True)
    assert [found["largest"], found["smallest"]] == pytest.approx([values[0], values[-1]], rel=1e-4)
    assert found["mean_square"] == pytest.approx(np.square(values).mean(), rel=1e-4)
    words = keras.Sequential([keras.Input((3,), dtype="int32"), keras.layers.Embedding(9, 4), keras.layers.Flatten(), keras.layers.Dense(2)])
    found = fanin.keras.diagnose(words, np.zeros((5, 3), np.int32)).data["jacobian"]
    assert (found["outputs"], found["inputs"]) == (2, 12)
    values = np.linalg.svd(np.asarray(keras.ops.convert_to_numpy(words.layers[-1].kernel), np.float64), compute_uv=False)
    assert found["largest"] == pytest.approx(values[0], rel=1e-4)


@pytest.mark.skipif(not DIFFERENTIATES, reason="a backend without gradients")
def test_many_outputs_are_combined():
    """Beyond 128 rows the mean of the squares is estimated from eight combinations of 8 samples each."""
    wide = keras.Sequential([keras.Input((40,)), keras.layers.Dense(300)])
    square = float(np.square(keras.ops.convert_to_numpy(wide.layers[0].kernel).astype(np.float64)).sum()) / 40
    found = fanin.keras.diagnose(wide, np.ones((8, 40), np.float32)).data["jacobian"]
    assert not found["exact"] and found["largest"] is None
    # 64 combinations of 40 directions of about equal length: a relative error of √(2 / 64 / 40) = 2.8 %, six times over.
    assert found["mean_square"] == pytest.approx(square, rel=6 * (2 / 64 / 40) ** 0.5)


def test_ways_activations_and_the_model_is_left_as_it_was():
    entry = keras.Input((12, 12, 3))
    stem = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3, padding="same", name="stem")(entry)))
    branch = keras.layers.Dropout(0.5)(keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="branch")(stem))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([stem, branch]))
    model = keras.Model(entry, keras.layers.Dense(5, activation="softmax", name="head")(pooled))
    random = np.random.default_rng(1)
    pictures, answers = random.standard_normal((16, 12, 12, 3)).astype(np.float32), random.integers(5, size=16)
    before = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    answered = keras.ops.convert_to_numpy(model(pictures))
    report = fanin.keras.diagnose(model, (pictures, answers), "sparse_categorical_crossentropy")
    stem, branch, head = report.layers
    assert [row["width"] for row in report.layers] == [8, 8, 5]
    assert [row["follows"]["activation"] for row in (stem, branch)] == ["relu", "relu"]
    # A normalization stands between the stem and its rectifier, and gives what follows a new start.
    assert stem.get("activated") is None and branch["activated"] == branch["forward"] and branch["depth"] == 1 and head["depth"] == 2
    assert report.data["batch"]["batch_statistics"] and report.loss["measured"] > 0
    if DIFFERENTIATES:
        # The gradient starts at the logits, not behind the softmax.
        assert head["backward"] == pytest.approx(1, rel=0.5)
    assert all(np.array_equal(was, keras.ops.convert_to_numpy(now)) for was, now in zip(before, model.variables, strict=True))
    assert np.array_equal(answered, keras.ops.convert_to_numpy(model(pictures)))
    assert model.layers[5].rate == 0.5 if hasattr(model.layers[5], "rate") else True


def test_models_that_are_not_functional():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.words, self.attention = keras.layers.Embedding(50, 16), keras.layers.MultiHeadAttention(2, 8)
            self.norm, self.head = keras.layers.LayerNormalization(), keras.layers.Dense(50)

        def call(self, words):
            x = self.words(words)
            return self.head(self.norm(x + self.attention(x, x)))

    model, words = Net(), np.random.default_rng(0).integers(50, size=(8, 7))
    with pytest.raises(fanin.Refused, match="no variables"):
        fanin.keras.diagnose(model, words)
    model(words)
    report = fanin.keras.diagnose(model, words)
    assert [row["op"] for row in report.layers] == ["Embedding", *["EinsumDense"] * 4, "Dense"]
    assert report.layers[-1]["depth"] == 1 and "<svg" in report.to_html()
