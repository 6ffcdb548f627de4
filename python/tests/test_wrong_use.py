"""Wrong use: each is refused before anything is changed, with all five parts of a message."""

import json

import fanin
import numpy as np
import pytest


def told(caught, *words):
    """All problems have five parts, which the text has too; and the words are said."""
    assert isinstance(caught.value, ValueError) and caught.value.problems
    for problem in caught.value.problems:
        assert all(part for part in problem[1:]), problem
        assert all(part in str(caught.value) for part in problem)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.empty((4, 4), np.int32), ["i32"]),
        (np.empty((4, 4), bool), ["bool"]),
        (np.empty((4, 4), object), ["object", "Convert it"]),
        (np.empty((4, 4), "U3"), ["<U3"]),
        (np.empty(4, [("a", np.float32)]), ["numbers"]),
        (np.broadcast_to(np.zeros(4, np.float32), (4, 4)), ["read-only", "copy"]),
        ([[1.0, 2.0]], ["list", "numpy.ndarray"]),
    ],
)
def test_arrays_that_cannot_be_filled(array, words):
    before = None if isinstance(array, list) else array.tobytes() if not array.dtype.hasobject else None
    with pytest.raises(fanin.Refused) as caught:
        fanin.fill(array, "normal(std=0.1)", name="w", seed=1)
    told(caught, *words)
    assert before is None or array.tobytes() == before


def test_memory_with_gaps_and_complex_numbers_are_handled():
    whole = fanin.fill(np.empty((6, 4), np.complex64), "complex_normal", name="w", seed=1)
    gaps = np.zeros((6, 8), np.complex64)[:, ::2]
    assert not gaps.flags.c_contiguous and np.array_equal(fanin.fill(gaps, "complex_normal", name="w", seed=1), whole)
    assert whole.real.any() and whole.imag.any()


def test_a_seed_serves_one_array_without_a_name():
    first, second = np.empty((8, 8), np.float32), np.empty((4, 4), np.float32)
    fanin.fill(first, "normal", seed=987)
    with pytest.raises(fanin.Refused) as caught:
        fanin.fill(second, "normal", seed=987)
    told(caught, "seed 987", "[8, 8]", "name=")
    # The same array again, a part of it, constants, another seed and names are no accident.
    fanin.fill(first, "normal", seed=987)
    fanin.fill(first[2:], "normal", seed=987)
    fanin.fill(second, "zeros", seed=987)
    fanin.fill(second, "normal", seed=988)
    fanin.fill(second, "normal", name="second", seed=987)
    del first
    fanin.fill(second, "normal", seed=987)


def test_two_parameters_never_share_a_key():
    plan = fanin.plan("mlp:8-8-8:relu")
    data = plan.to_dict()
    drawn = [decision for decision in data["decisions"] if decision["action"] == "fill" and decision["std"]]
    drawn[1]["key"] = drawn[0]["key"]
    with pytest.raises(fanin.Refused) as caught:
        fanin.Plan.from_json(json.dumps(data))
    told(caught, "layers.0.weight", "layers.1.weight", "same random numbers")


def test_a_plan_of_another_model():
    plan = fanin.plan({"a.weight": np.empty((4, 4), np.float32)}, "he")
    arrays = {"b.weight": np.zeros((4, 4), np.float32)}
    with pytest.raises(fanin.Refused) as caught:
        fanin.init(arrays, plan=plan)
    told(caught, "b.weight", "plan")
    with pytest.raises(fanin.Refused) as caught:
        fanin.init({"a.weight": np.zeros((5, 4), np.float32)}, plan=plan)
    told(caught, "[5, 4]", "[4, 4]")
    assert not arrays["b.weight"].any()


def test_models_that_nobody_knows():
    for verb in (fanin.plan, fanin.diagnose, fanin.compare):
        with pytest.raises(fanin.Refused) as caught:
            verb(object())
        told(caught, "object")


def test_torch_models():
    torch = pytest.importorskip("torch")
    import fanin.torch
    from torch import nn

    model = nn.Linear(4, 4)
    plan = fanin.torch.plan(model, recipe="he", seed=0)
    with torch.device("meta"):
        meta = nn.Linear(4, 4)
    with pytest.raises(fanin.Refused) as caught:
        fanin.torch.init_(meta, plan)
    told(caught, "meta", "to_empty")
    other = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    before = [parameter.detach().clone() for parameter in other.parameters()]
    with pytest.raises(fanin.Refused) as caught:
        fanin.torch.init_(other, plan)
    told(caught, "0.weight", "1.bias", "a plan of this model")
    with pytest.raises(fanin.Refused) as caught:
        fanin.torch.init_(nn.Linear(4, 5), plan)
    told(caught, "[5, 4]", "[4, 4]")
    with pytest.raises(fanin.Refused) as caught:
        fanin.torch.init_(other, plan, only=["2.weight"])
    told(caught, "2.weight", "state_dict")
    assert all(torch.equal(*pair) for pair in zip(before, other.parameters(), strict=True))
    integers = nn.Module()
    integers.weight = nn.Parameter(torch.zeros(4, 4, dtype=torch.int8), requires_grad=False)
    integers.bias = nn.Parameter(torch.zeros(4))
    with pytest.raises(fanin.Refused) as caught:
        fanin.torch.init_(integers, plan)
    told(caught, "weight", "i8")
    sparse = nn.Module()
    sparse.weight = nn.Parameter(torch.eye(4).to_sparse())
    sparse.bias = nn.Parameter(torch.zeros(4))
    with pytest.raises(fanin.Refused) as caught:
        fanin.torch.init_(sparse, plan)
    told(caught, "sparse", "dense")
    # Memory with gaps, another element type and complex numbers are handled.
    gaps = nn.Linear(4, 4).to(torch.bfloat16)
    gaps.weight = nn.Parameter(torch.empty(8, 4, dtype=torch.bfloat16).T[:, ::2])
    fanin.torch.init_(gaps, plan)
    fanin.torch.init_(model, plan)
    assert torch.equal(gaps.weight, model.weight.to(torch.bfloat16))
