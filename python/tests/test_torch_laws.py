"""`fanin.torch.init` against torch: the laws within sampling error, seeds and generators, refusals."""

import pytest

torch = pytest.importorskip("torch")

import fanin
from fanin.torch import init as ours
from sampling import BOUND, differs
from torch import nn
from torch.nn import init as theirs

CASES = [
    ("uniform_", {"a": -0.3, "b": 1.2}, (700, 600)),
    ("normal_", {"mean": 0.1, "std": 0.7}, (700, 600)),
    ("trunc_normal_", {"mean": 0.2, "std": 0.7, "a": -1.0, "b": 0.8}, (700, 600)),
    ("trunc_normal_", {"std": 0.02}, (700, 600)),
    ("xavier_uniform_", {"gain": 1.7}, (900, 300)),
    ("xavier_normal_", {}, (64, 48, 7, 7)),
    ("kaiming_uniform_", {"a": 5**0.5}, (300, 900)),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "tanh"}, (96, 24, 9, 9)),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}, (900, 300)),
    ("kaiming_normal_", {"nonlinearity": "selu"}, (64, 32, 5, 5, 5)),
    ("orthogonal_", {"gain": 1.3}, (700, 600)),
    ("orthogonal_", {}, (128, 32, 5, 5)),
    ("sparse_", {"sparsity": 0.3, "std": 0.5}, (700, 600)),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
def test_laws_are_torchs(name, arguments, shape):
    torch.manual_seed(1)
    one = getattr(theirs, name)(torch.empty(shape), **arguments)
    other = getattr(ours, name)(torch.empty(shape), **arguments)
    if name == "orthogonal_":
        # Elements depend on each other, so their spread is checked by what they must be: √(rows·cols)-scaled identity.
        flat = other.flatten(1).double()
        gram = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
        gain = arguments.get("gain", 1.0)
        assert torch.allclose(gram, gain**2 * torch.eye(len(gram), dtype=torch.float64), atol=2e-5)
        assert torch.isclose(one.std(), other.std(), rtol=1e-3)
        return
    if name == "sparse_":
        assert ((other == 0).sum(0) == (one == 0).sum(0)).all()
        one, other = one[one != 0], other[other != 0]
    assert differs(one, other) < BOUND
    assert differs(one, other * 1.05) > BOUND, "a law 5 % off would be seen"


def test_constants_and_patterns_are_equal():
    for name, arguments, shape in [
        ("constant_", {"val": 0.3}, (3, 4)),
        ("ones_", {}, (5,)),
        ("zeros_", {}, ()),
        ("eye_", {}, (3, 5)),
        ("dirac_", {"groups": 2}, (6, 4, 3, 3)),
        ("dirac_", {}, (2, 7, 4)),
    ]:
        one, other = (getattr(module, name)(torch.full(shape, 9.0), **arguments) for module in (theirs, ours))
        assert torch.equal(one, other), name


def test_torchs_generators_govern_the_seed():
    fresh = lambda **options: ours.normal_(torch.empty(50), **options)
    torch.manual_seed(3)
    first, second = fresh(), fresh()
    torch.manual_seed(3)
    assert torch.equal(fresh(), first) and not torch.equal(first, second)
    own = torch.Generator().manual_seed(3)
    before = torch.get_rng_state()
    assert torch.equal(fresh(generator=own), first) and torch.equal(fresh(generator=own), second)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_kind_of_tensor_is_filled():
    parameter = nn.Parameter(torch.empty(40, 30))
    version = parameter._version
    assert ours.kaiming_normal_(parameter) is parameter and parameter._version > version and parameter.grad_fn is None
    strided = torch.zeros(60, 80)[::2, ::2]
    torch.manual_seed(0)
    ours.xavier_normal_(strided)
    torch.manual_seed(0)
    assert torch.equal(ours.xavier_normal_(torch.empty(30, 40)), strided)
    both = ours.kaiming_normal_(torch.empty(300, 400, dtype=torch.complex64))
    assert differs(both.real, theirs.kaiming_normal_(torch.empty(300, 400, dtype=torch.complex64)).real) < BOUND
    assert ours.normal_(torch.empty(200, 200, dtype=torch.complex64)).abs().square().mean() == pytest.approx(1, rel=0.05)
    assert ours.orthogonal_(torch.empty(4, 4, device="meta")).is_meta
    for dtype in (torch.float16, torch.bfloat16):
        assert ours.trunc_normal_(torch.empty(1000, dtype=dtype), a=-0.5, b=0.5).abs().max() <= 0.5


def test_what_torch_refuses_is_refused():
    for function, tensor in [
        (ours.eye_, torch.empty(3)),
        (ours.dirac_, torch.empty(3, 3)),
        (lambda t: ours.dirac_(t, groups=2), torch.empty(3, 3, 3)),
        (ours.xavier_normal_, torch.empty(3)),
        (ours.kaiming_uniform_, torch.empty(())),
        (lambda t: ours.kaiming_normal_(t, mode="fan"), torch.empty(3, 3)),
        (ours.orthogonal_, torch.empty(3)),
        (ours.sparse_, torch.empty(3, 3, 3)),
        (ours.normal_, torch.empty(3, dtype=torch.int64)),
    ]:
        with pytest.raises((fanin.Refused, TypeError)):
            function(tensor)
    with pytest.warns(UserWarning, match="zero-element"):
        ours.kaiming_normal_(torch.empty(0, 3))
    with pytest.warns(FutureWarning, match="deprecated"):
        ours.xavier_uniform(torch.empty(3, 3))
