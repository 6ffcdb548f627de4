"""The module tree and the exported ONNX graph of one model agree, parameter by parameter; where one knows more, it is listed."""

import fnmatch
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript", reason="without onnxscript: models are not exported here")

import fanin.torch
from fanin.torch.plan import planned
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations


class GPT(nn.Module):
    """q, k and v in one matrix that `split` takes apart, positions looked up by numbers in a row, a head of its own."""

    def __init__(self, words=50, width=32, heads=4):
        super().__init__()
        self.wte, self.wpe, self.heads = nn.Embedding(words, width), nn.Embedding(16, width), heads
        self.ln_1, self.c_attn, self.c_proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ln_2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)

    def forward(self, words):
        x = self.wte(words) + self.wpe(torch.arange(words.shape[1]))
        shape = (*x.shape[:2], self.heads, x.shape[2] // self.heads)
        q, k, v = (part.view(shape).transpose(1, 2) for part in self.c_attn(self.ln_1(x)).split(x.shape[2], -1))
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)
        x = x + self.c_proj(attended.reshape(x.shape))
        return self.lm_head(self.ln_f(x + self.down(functional.gelu(self.up(self.ln_2(x))))))


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = kind(6, 8, num_layers=2, batch_first=True, **options)
        self.head = nn.Linear(8 * (1 + options.get("bidirectional", False)), 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self, **sizes):
        super().__init__()
        self.attn, self.norm, self.out = nn.MultiheadAttention(12, 3, batch_first=True, **sizes), nn.LayerNorm(12), nn.Linear(12, 4)

    def forward(self, x, key=None, value=None):
        key, value = (x, x) if key is None else (key, value)
        return self.out(self.norm(x + self.attn(x, key, value, need_weights=False)[0]))


def convolutions():
    up = nn.Sequential(nn.ConvTranspose2d(8, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    return nn.Sequential(up, nn.ConvTranspose2d(16, 8, 4, 2, 1, groups=2), nn.LeakyReLU(0.2), nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh())


def mixed():
    body = [nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 8, 3, groups=8), nn.PReLU()]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


def vision(name, **options):
    return lambda: getattr(pytest.importorskip("torchvision").models, name)(**options)


def image(name, **options):
    return lambda: pytest.importorskip("timm").create_model(name, **options)


def transformer(model, config, **sizes):
    """A model of transformers, with caches off: a plan is of what is trained."""

    def build():
        transformers = pytest.importorskip("transformers")
        return getattr(transformers, model)(getattr(transformers, config)(use_cache=False, **sizes))

    return build


class UNet(nn.Module):
    """Down and up again, with what was there before beside what comes back."""

    def __init__(self, width=8):
        super().__init__()
        block = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())
        self.first, self.second, self.bottom = block(3, width), block(width, 2 * width), block(2 * width, 4 * width)
        self.up2, self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2), nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.back2, self.back1, self.head = block(4 * width, 2 * width), block(2 * width, width), nn.Conv2d(width, 4, 1)

    def forward(self, x):
        one = self.first(x)
        two = self.second(functional.max_pool2d(one, 2))
        x = self.up2(self.bottom(functional.max_pool2d(two, 2)))
        x = self.up1(self.back2(torch.cat([two, x], 1)))
        return self.head(self.back1(torch.cat([one, x], 1)))


def encoder(**options):
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 3, 24, batch_first=True, **options), 2, enable_nested_tensor=False)


#: What a class knows and a graph does not: that a matrix is `nn.MultiheadAttention`'s, which torch draws otherwise than a
#: linear layer; and that an unrolled `nn.RNN` is recurrent.
ATTENTION = {"torch": ["*in_proj_*", "*out_proj.bias"]}
#: An attention to another sequence takes its matrix apart before it is used, and its parts go to two products.
CROSS = {"*": ["*multihead_attn.in_proj_*"], **ATTENTION}
#: The two biases of a recurrent layer are one input of its node, which gives both the fans of the weight of the input.
SECOND = {"*": ["rnn.bias_hh_*"]}

#: Beside which weight the bias of a tied head stands only its name tells: the weight is a table of embeddings.
BESIDE = {"*": ["cls.predictions.bias"]}

def words():
    return torch.randint(90, (1, 12))


MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4), nn.Tanh(), nn.Linear(4, 2)), lambda: torch.randn(3, 6), {}),
    "resnet18": (vision("resnet18"), lambda: torch.randn(1, 3, 64, 64), {}),
    "mobilenet": (vision("mobilenet_v3_small"), lambda: torch.randn(1, 3, 64, 64), {}),
    "vit": (image("vit_tiny_patch16_224", depth=2, img_size=32), lambda: torch.randn(1, 3, 32, 32), {}),
    "convnext": (image("convnext_atto", depths=(1, 1, 1, 1)), lambda: torch.randn(1, 3, 64, 64), {}),
    "gpt": (GPT, lambda: torch.randint(50, (1, 12)), {}),
    "lstm": (lambda: Recurrent(nn.LSTM), lambda: torch.randn(2, 5, 6), SECOND),
    "bidirectional": (lambda: Recurrent(nn.LSTM, bidirectional=True), lambda: torch.randn(2, 5, 6), SECOND),
    "gru": (lambda: Recurrent(nn.GRU), lambda: torch.randn(2, 5, 6), SECOND),
    "rnn": (lambda: Recurrent(nn.RNN), lambda: torch.randn(2, 5, 6), {"*": ["rnn.weight_hh_*"], "torch": ["rnn.*"], "auto": ["rnn.*", "head.weight"]}),
    "attention": (Attention, lambda: torch.randn(2, 5, 12), ATTENTION),
    "encoder": (encoder, lambda: torch.randn(2, 5, 12), ATTENTION),
    "encoder before norms": (lambda: encoder(norm_first=True, activation="gelu"), lambda: torch.randn(2, 5, 12), ATTENTION),
    "decoder": (lambda: nn.TransformerDecoderLayer(12, 3, 24, batch_first=True), lambda: (torch.randn(2, 5, 12), torch.randn(2, 4, 12)), CROSS),
    "transposed convolutions": (convolutions, lambda: torch.randn(2, 8, 1, 1), {}),
    "mixed": (mixed, lambda: torch.randn(2, 3, 9, 9), {"auto": ["0.weight"]}),
    "unet": (UNet, lambda: torch.randn(1, 3, 16, 16), {}),
    "gpt2": (transformer("GPT2LMHeadModel", "GPT2Config", vocab_size=90, n_embd=32, n_layer=2, n_head=2, n_positions=32), words, {}),
    "bert": (
        transformer(
            "BertForMaskedLM", "BertConfig", vocab_size=90, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=32,
        ),
        words,
        BESIDE,
    ),
    "llama": (
        transformer(
            "LlamaForCausalLM", "LlamaConfig", vocab_size=90, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, intermediate_size=64, max_position_embeddings=32,
        ),
        words,
        {},
    ),
}


def told(decision):
    # Fans are those of maps; what a position has of them only its name tells.
    fans = (decision.fan_in, decision.fan_out) if decision.role != "position" else ()
    return decision.role, decision.shape, decision.action, decision.call, decision.variance, fans


def calculated(decision):
    """What `auto` calculates: scale, predictions before and after, and the ids of its rules."""
    facts = decision.to_dict()
    texts = [reason["text"] for reason in facts["reasons"]]
    rules = sorted(found.group(0) for text in texts if (found := re.match(r"[A-Z][A-Z]?\d+", text)))
    moments = [(reason["about"], reason["text"]) for reason in facts["reasons"] if reason["about"] in ("forward", "backward")]
    return facts.get("adjust"), moments, rules


@pytest.mark.parametrize("name", MODELS)
def test_tree_and_graph_agree(name, tmp_path):
    build, batch, knows_more = MODELS[name]
    torch.manual_seed(0)
    model, batch = build().eval(), batch()
    graph = fanin.torch.export(model, batch, tmp_path / "m.onnx")
    drawn = [parameter for parameter, _ in model.named_parameters()]
    for recipe in ("auto", "he", "xavier", "torch"):
        tree = fanin.torch.plan(model, batch, seed=0) if recipe == "auto" else planned(model, graph, recipe=recipe)
        exported = graph.plan(recipe)
        listed = [*knows_more.get("*", []), *knows_more.get(recipe, [])]
        assert drawn and all(parameter in tree and parameter in exported for parameter in drawn)
        for parameter in drawn:
            if not any(fnmatch.fnmatch(parameter, pattern) for pattern in listed):
                assert told(tree[parameter]) == told(exported[parameter]), (recipe, parameter)
                assert calculated(tree[parameter]) == calculated(exported[parameter]), (recipe, parameter)
        found = [calculated(tree[parameter]) for parameter in drawn]
        assert any(adjust for adjust, _, _ in found) == any(moments for _, moments, _ in found) == (recipe == "auto")


def test_meta_models_and_files_get_the_same_plan_and_values(tmp_path):
    """The plan of a model without memory is that of the file, and so are the values."""
    build, batch, _ = MODELS["gpt2"]
    with torch.device("meta"):
        meta, inputs = build().eval(), torch.zeros(1, 12, dtype=torch.long)
    plan = fanin.torch.plan(meta, inputs, seed=7)
    model = build().eval()
    graph = fanin.torch.export(model, batch(), tmp_path / "m.onnx")
    assert {name: told(plan[name]) for name in graph.plan(seed=7) if name in plan} == {
        name: told(decision) for name, decision in graph.plan(seed=7).items() if name in plan
    }
    fanin.torch.init_(model, plan)
    graph.write(tmp_path / "out.onnx", graph.plan(seed=7))
    written = fanin.open(tmp_path / "out.onnx")
    for name, parameter in model.named_parameters():
        assert np.array_equal(written.tensor(name), parameter.detach().numpy()), name


def test_what_only_one_of_them_knows(tmp_path):
    """Each exception above is one: the day that a graph tells it too, this fails."""
    model, batch = Attention().eval(), torch.randn(2, 5, 12)
    graph = fanin.torch.export(model, batch, str(tmp_path / "m.onnx")).plan("torch")
    tree = fanin.torch.plan(model, recipe="torch", seed=0)
    assert tree["attn.in_proj_weight"].call == "torch:xavier_uniform_" != graph["attn.in_proj_weight"].call
    # q, k and v are seen as three by both.
    assert tree["attn.in_proj_weight"].fan_out == graph["attn.in_proj_weight"].fan_out == 12
    # And a table of positions is one by its use alone.
    words = torch.randint(50, (1, 12))
    assert fanin.torch.plan(GPT(), seed=0)["wpe.weight"].role == "embedding"
    assert fanin.torch.plan(GPT(), words, seed=0)["wpe.weight"].role == "position"


def test_parametrized_weights_are_planned_by_their_classes(tmp_path):
    """What weight normalization is made of has names of its own, which a graph has no weights for."""
    model = nn.Sequential(parametrizations.weight_norm(nn.Conv1d(6, 8, 3, groups=2)), nn.ReLU(), nn.Conv1d(8, 4, 3)).eval()
    plan = fanin.torch.plan(model, torch.randn(2, 6, 9), "he", seed=0)
    assert plan["0.parametrizations.weight.original1"].fan_in == 3 * 3
    exported = fanin.torch.export(model, torch.randn(2, 6, 9), str(tmp_path / "m.onnx")).plan("he")
    assert told(plan["2.weight"]) == told(exported["2.weight"])
