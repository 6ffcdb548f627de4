"""Values of torch models: bits, devices, types, and what is refused."""

from collections import OrderedDict

import pytest

torch = pytest.importorskip("torch")

import fanin
import fanin.torch
import numpy as np
from torch import nn


def net():
    modules = {"fc": nn.Linear(20, 30), "act": nn.ReLU(), "conv": nn.Conv2d(3, 8, 3), "norm": nn.BatchNorm2d(8)}
    return nn.Sequential(OrderedDict(modules, embed=nn.Embedding(7, 5)))


def bits(model):
    return {name: tensor.detach().cpu().numpy().tobytes() for name, tensor in model.named_parameters()}


def test_the_same_bits_as_the_command_line(tmp_path):
    model = net()
    plan = fanin.torch.plan(model, recipe="torch", seed=11)
    torch.save(model.state_dict(), tmp_path / "before.pt")
    plan.save(tmp_path / "plan.json")
    from fanin import _fanin

    arguments = [str(tmp_path / name) for name in ("plan.json", "before.pt")]
    assert _fanin.main(["fanin", "apply", *arguments, "-o", str(tmp_path / "after.pt")]) == 0
    assert _fanin.main(["fanin", "init", arguments[1], "-o", str(tmp_path / "own.pt"), "--recipe", "torch", "--seed", "11"]) == 0
    fanin.torch.init_(model, plan)
    for file in ("after.pt", "own.pt"):
        written = torch.load(tmp_path / file)
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, written[name]), (file, name)


def test_gradients_and_wrappers_do_not_matter():
    plan = fanin.torch.plan(net(), seed=1)
    one, other = net(), net()
    fanin.torch.init_(one, plan)
    for parameter in other.parameters():
        parameter.requires_grad_(False)
    fanin.torch.init_(other, plan)
    assert bits(one) == bits(other)
    wrapped = nn.DataParallel(net())
    fanin.torch.init_(wrapped, plan)
    assert bits(wrapped.module) == bits(one)


def test_gaps_types_and_complex_numbers():
    model = nn.Linear(20, 30)
    plan = fanin.torch.plan(model, recipe="he", seed=1)
    fanin.torch.init_(model, plan)
    strided = nn.Linear(20, 30)
    strided.weight.data = torch.empty(20, 30).t()
    fanin.torch.init_(strided, plan)
    assert torch.equal(strided.weight, model.weight) and not strided.weight.is_contiguous()
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        narrow = nn.Linear(20, 30, dtype=dtype)
        fanin.torch.init_(narrow, plan)
        if dtype == torch.float64:
            assert torch.allclose(narrow.weight.float(), model.weight, rtol=1e-5)
        else:
            assert torch.equal(narrow.weight, model.weight.to(dtype))
    both = nn.Linear(200, 300, dtype=torch.complex64)
    fanin.torch.init_(both, fanin.torch.plan(both, recipe="he", seed=1))
    power = (both.weight.abs() ** 2).mean().item()
    assert power == pytest.approx(2 / 200, rel=0.03) and both.weight.detach().real.std() == pytest.approx(0.1 / 2**0.5, rel=0.02)


def test_what_cannot_be_is_refused_and_nothing_is_changed():
    model = net()
    plan = fanin.torch.plan(model, seed=1)
    before = bits(model)
    with torch.device("meta"):
        meta = net()
    with pytest.raises(fanin.Refused, match="to_empty") as caught:
        fanin.torch.init_(meta, plan)
    assert len(caught.value.problems) == len(bits(net())) and all(all(problem) for problem in caught.value.problems)
    model.fc = nn.Linear(20, 31)
    unchanged = bits(model)
    with pytest.raises(fanin.Refused, match="as in the plan"):
        fanin.torch.init_(model, plan)
    with pytest.raises(fanin.Refused, match="the plan has it, the model has not"):
        fanin.torch.init_(nn.Sequential(OrderedDict(fc=nn.Linear(20, 30))), plan)
    with pytest.raises(fanin.Refused, match="the plan says nothing of it"):
        fanin.torch.init_(nn.Sequential(OrderedDict(net().named_children(), more=nn.Linear(2, 2))), plan)
    with pytest.raises(fanin.Refused, match="no such parameter"):
        fanin.torch.init_(net(), plan, only=["fc.wieght"])
    assert bits(model) == unchanged != before
    whole = nn.Linear(4, 4)
    whole.weight = nn.Parameter(torch.zeros(4, 4, dtype=torch.int32), requires_grad=False)
    with pytest.raises(fanin.Refused, match="i32"):
        fanin.torch.init_(whole, fanin.torch.plan(nn.Linear(4, 4), seed=0))


def test_only_missing_keys_and_parts_of_a_model():
    model, plan = net(), fanin.torch.plan(net(), seed=1)
    before = bits(model)
    done = fanin.torch.init_(model, plan, only=["fc.weight"])
    after = bits(model)
    assert done.filled == ["fc.weight"] and {name for name in after if after[name] != before[name]} == {"fc.weight"}
    stage = nn.Sequential(OrderedDict(fc=nn.Linear(20, 30)))
    fanin.torch.init_(stage, plan, part=True)
    assert torch.equal(stage.fc.weight, model.fc.weight)


def test_statistics_are_reset_and_wiped_buffers_are_listed():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.fc = nn.BatchNorm1d(3), nn.Linear(3, 3)
            self.register_buffer("mask", torch.ones(3))
            self.register_buffer("hidden", torch.ones(3), persistent=False)

    with torch.device("meta"):
        model = Masked()
    plan = fanin.torch.plan(model, seed=0)
    model.to_empty(device="cpu")
    model.norm.running_var.fill_(float("nan"))
    done = fanin.torch.init_(model, plan)
    assert torch.equal(model.norm.running_var, torch.ones(3)) and "norm.running_var" in done.reset
    assert done.buffers == ["mask", "hidden"] and "mask" in repr(done)
    with pytest.raises(fanin.Refused, match="to_empty"):
        done.check()


def test_skip_init_skips_and_leaves_buffers():
    from torch.nn import init

    before = init.kaiming_uniform_
    torch.manual_seed(0)
    state = torch.get_rng_state()
    with fanin.torch.skip_init():
        model = nn.Sequential(nn.Linear(50, 50), nn.LSTM(4, 4), nn.MultiheadAttention(8, 2), nn.BatchNorm1d(4))
        table = init.normal_(torch.zeros(5))
    assert init.kaiming_uniform_ is before and table.all()
    torch.set_rng_state(state)
    assert torch.equal(init.normal_(torch.zeros(5)), table), "nothing was drawn for the parameters"
    assert torch.equal(model[3].running_var, torch.ones(4))
    fanin.torch.init_(model, fanin.torch.plan(model, seed=0))
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_skip_init_leaves_a_transformer_tied():
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=97, n_positions=16)
    plain = transformers.GPT2LMHeadModel(config)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    with fanin.torch.skip_init():
        model = transformers.GPT2LMHeadModel(config)
    assert torch.equal(torch.get_rng_state(), state), "nothing was drawn"
    assert model.lm_head.weight is model.transformer.wte.weight
    plan = fanin.torch.plan(model, recipe="gpt2", seed=0)
    fanin.torch.init_(model, plan)
    assert plan["lm_head.weight"].tied == "transformer.wte.weight" and fanin.torch.verify(model, plan)
    assert plan["transformer.h.0.attn.c_attn.weight"].fan_in == 32 and not plan.unsure
    for (name, one), other in zip(model.named_parameters(), plain.parameters(), strict=True):
        if one.ndim > 1 and one.numel() > 1000:
            assert one.std().item() == pytest.approx(other.std().item(), rel=0.12), name
    tokens = torch.randint(97, (4, 8))
    report = fanin.torch.diagnose(model, ({"input_ids": tokens}, tokens), lambda out, t: nn.functional.cross_entropy(
        (out if isinstance(out, torch.Tensor) else out.logits).flatten(0, 1), t.flatten()))
    assert len(report.layers) >= 1 and report.loss is not None


def test_lsuv_is_kept_in_the_plan():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 36, 50), nn.ReLU(), nn.Linear(50, 10))
    batch = torch.randn(64, 3, 8, 8) * 3
    plan = fanin.torch.plan(model, seed=2, set={"*.weight": "orthogonal"})
    calibrated = fanin.torch.lsuv_(model, plan, batch)
    outputs = []
    for layer in (model[0], model[3], model[5]):
        layer.register_forward_hook(lambda _m, _i, out: outputs.append(out.double().var().item()))
    model(batch)
    assert all(abs(variance - 1) < 0.05 for variance in outputs)
    again = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 36, 50), nn.ReLU(), nn.Linear(50, 10))
    fanin.torch.init_(again, fanin.Plan.from_json(calibrated.to_json()))
    assert bits(again) == bits(model) and "LSUV" in repr(calibrated["3.weight"])
    with pytest.raises(fanin.Refused, match="variance"):
        fanin.torch.lsuv_(model, fanin.torch.plan(model, seed=2, set={"5.weight": "zeros"}), batch)


def test_verify_sees_a_changed_bit():
    model, plan = net(), fanin.torch.plan(net(), seed=1)
    fanin.torch.init_(model, plan)
    good = fanin.torch.verify(model, plan)
    assert good and good.elements == sum(p.numel() for p in model.parameters()) and "as planned" in repr(good)
    with torch.no_grad():
        model.fc.weight[3, 4] += 1e-6
    bad = fanin.torch.verify(model, plan)
    assert not bad and bad.different == ["fc.weight"] and bad.digest != good.digest


def test_the_digest_is_the_command_lines(tmp_path, capfd):
    from fanin import _fanin

    model, plan = nn.Linear(20, 30), fanin.torch.plan(nn.Linear(20, 30), seed=1)
    fanin.torch.init_(model, plan)
    torch.save(model.state_dict(), tmp_path / "m.pt")
    assert _fanin.main(["fanin", "digest", str(tmp_path / "m.pt")]) == 0
    assert capfd.readouterr().out.split()[0] == fanin.torch.verify(model, plan).digest


def test_fanin_init_knows_torch_models():
    model = net()
    plan = fanin.init(model, seed=4)
    assert fanin.torch.verify(model, plan) and fanin.plan(model, seed=4).id == plan.id


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_bits_on_a_gpu_are_those_of_the_cpu():
    plan, here, there = fanin.torch.plan(net(), seed=1), net(), net().cuda()
    fanin.torch.init_(here, plan)
    fanin.torch.init_(there, plan)
    assert bits(here) == bits(there) and fanin.torch.verify(there, plan)
