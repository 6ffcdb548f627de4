//! The conventions of names on any names and shapes: they decide or ask, and never fail, overflow or take long.

use fanin::convention::{Tensor, params};
use fanin::plan::{Options, plan};
use fanin::{Action, Dtype, Recipe, Role};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Words of which names are made: those that conventions know, and some that nobody does.
const WORDS: &[&str] = &[
    "",
    "0",
    "1",
    "17",
    "99999999999999999999999999",
    "weight",
    "bias",
    "kernel",
    "w",
    "b",
    "g",
    "v",
    "u",
    "weight_g",
    "weight_v",
    "weight_orig",
    "weight_ih_l0",
    "weight_hh_l0",
    "bias_ih_l0_reverse",
    "weight_hr_l3",
    "recurrent_kernel",
    "depthwise_kernel",
    "lstm_cell",
    "gru",
    "gates",
    "scale",
    "shift",
    "gamma",
    "beta",
    "alpha",
    "mean",
    "moving_mean",
    "running_var",
    "num_batches_tracked",
    "norm1",
    "ln_2",
    "bn",
    "LayerNorm_0",
    "WeightNorm_0",
    "Dense_1",
    "conv1",
    "Conv_0",
    "up",
    "upsample",
    "deconv",
    "downsample",
    "depthwise",
    "dw",
    "in_proj_weight",
    "in_proj_bias",
    "qkv",
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "out_proj",
    "query_key_value",
    "c_attn",
    "c_proj",
    "c_fc",
    "attn",
    "att",
    "self_attention",
    "heads",
    "mlp",
    "fc1",
    "gate_up_proj",
    "gate_proj",
    "down_proj",
    "experts",
    "w1",
    "w2",
    "router",
    "gate",
    "e_score_correction_bias",
    "embed_tokens",
    "embedding",
    "embed_in",
    "embed_out",
    "wte",
    "wpe",
    "shared",
    "lm_head",
    "head",
    "classifier",
    "decoder",
    "encoder",
    "position_embeddings",
    "pos_embed",
    "relative_position_bias_table",
    "relative_position_index",
    "attn_mask",
    "masked_bias",
    "cls_token",
    "inv_freq",
    "layer_scale",
    "ls1",
    "lambda_1",
    "A_log",
    "D",
    "dt_bias",
    "dt_proj",
    "x_proj",
    "conv1d",
    "time_decay",
    "time_first",
    "time_mix_k",
    "logit_scale",
    "temperature",
    "layers",
    "blocks",
    "h",
    "model",
    "module",
    "_orig_mod",
    "lora_A",
    "lora_B",
    "parametrizations",
    "original0",
    "codebook",
    "ß",
    "重み",
    "\u{202e}thgiew",
    "\u{0}",
    "é\u{301}",
    "🦀",
    "WEIGHT",
    "İ",
    "ŉ",
    "weight ",
    "%s",
    "*",
    "?",
    "a=b",
    "\u{feff}bias",
    "\u{1F469}\u{200D}\u{1F4BB}",
    "weight\n",
];

/// Sizes of dimensions: those of models, none, and more than any memory has.
const SIZES: &[u64] = &[
    0,
    1,
    1,
    1,
    2,
    3,
    3,
    4,
    5,
    7,
    8,
    12,
    16,
    24,
    32,
    36,
    64,
    64,
    64,
    96,
    128,
    192,
    256,
    768,
    3072,
    50257,
    1 << 31,
    1 << 40,
    1 << 57,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

fn name() -> impl Strategy<Value = String> {
    let word = prop::sample::select(WORDS);
    let made = (prop::collection::vec(word, 0..6), prop::bool::weighted(0.15))
        .prop_map(|(words, slashes)| words.join(if slashes { "/" } else { "." }));
    prop_oneof![
        60 => made,
        4 => ".{0,12}",
        1 => (0usize..4000).prop_map(|dots| ".".repeat(dots)),
        1 => (0usize..3000).prop_map(|n| format!("{}weight", "layers.1/".repeat(n / 3))),
        1 => (0usize..9000).prop_map(|n| format!("{}.bias", "9".repeat(n))),
    ]
}

fn tensor() -> impl Strategy<Value = Tensor> {
    const DTYPES: &[Dtype] =
        &[Dtype::F32, Dtype::F32, Dtype::F32, Dtype::F32, Dtype::Bf16, Dtype::F64, Dtype::I64, Dtype::Bool, Dtype::C64];
    (name(), prop::collection::vec(prop::sample::select(SIZES), 0..6), prop::sample::select(DTYPES))
}

/// A list without a name twice, as files have them.
fn list(most: usize) -> impl Strategy<Value = Vec<Tensor>> {
    prop::collection::vec(tensor(), 0..most).prop_map(|all| {
        let mut seen = BTreeSet::new();
        all.into_iter().filter(|(name, ..)| seen.insert(name.clone())).collect()
    })
}

/// Whether every parameter is decided, kept for a reason, or asked for.
fn all_decided_or_asked(tensors: &[Tensor]) -> Result<(), TestCaseError> {
    // Those whose tables a test can afford are planned, all in one list.
    let storable = |shape: &[u64]| shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).is_some_and(|n| n < 1 << 24);
    let found = params(tensors);
    prop_assert_eq!(found.len(), tensors.len());
    for (param, (name, shape, _)) in found.iter().zip(tensors) {
        prop_assert!(param.name == *name && param.shape == *shape);
        prop_assert!(param.axes.as_ref().is_none_or(|axes| axes.value.dims.len() == shape.len() || shape.is_empty()));
    }
    // Complex elements are refused by methods of real numbers, which is an answer, too.
    let planned = |(_, shape, dtype): &&Tensor| storable(shape) && *dtype != Dtype::C64;
    let small: Vec<Tensor> = tensors.iter().filter(planned).cloned().collect();
    let found = params(&small);
    let plan = match plan(&found, &Recipe::named("auto").unwrap(), &Options::default()) {
        Ok(plan) => plan,
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    let asked: BTreeSet<&str> = plan.unsure.iter().flat_map(|question| &question.names).map(String::as_str).collect();
    for decision in &plan.decisions {
        let role = decision.param.role.value;
        let told = match decision.action {
            Action::Fill(_) | Action::Tie(_) => true,
            Action::Keep => role.is_kept() || decision.reasons.iter().any(|reason| reason.about == "keep"),
            Action::Take(_) => false,
        };
        prop_assert!(told || asked.contains(decision.param.name.as_str()), "{:?}", decision.param.name);
        if role == Role::Unknown {
            prop_assert!(asked.contains(decision.param.name.as_str()), "{:?} is not asked for", decision.param.name);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// 400 lists of 250 names on average: 100,000 in all.
    #[test]
    fn any_names_and_shapes_are_decided_or_asked_for(tensors in list(500)) {
        all_decided_or_asked(&tensors)?;
    }
}

#[test]
fn tables_of_claimed_shapes_are_refused_and_not_worked_out() {
    for name in ["layers.0.mixer.A_log", "layers.0.mixer.dt_bias", "blocks.0.att.time_decay", "blocks.0.att.time_first"]
    {
        let start = Instant::now();
        let found = params(&[(name.to_owned(), vec![1 << 20, 1 << 37], Dtype::F32)]);
        let refused =
            plan(&found, &Recipe::named("auto").unwrap(), &Options::default()).map(|plan| plan.decisions.len());
        assert!(start.elapsed() < Duration::from_secs(2), "{name}: {refused:?}");
    }
}

#[test]
fn sizes_beside_an_empty_dimension_are_not_multiplied_out() {
    const HUGE: u64 = 1 << 63;
    let tensors: Vec<Tensor> = [
        ("model.pos_embed", vec![HUGE, HUGE, 0]),
        ("layers.0.attn.q", vec![0, HUGE, HUGE]),
        ("layers.0.attn.o_proj.weight", vec![0, HUGE]),
        ("layers.0.experts.gate_up_proj", vec![0, HUGE, HUGE]),
        ("layers.0.experts.down_proj", vec![0, HUGE, HUGE]),
        ("layers.0.conv.kernel", vec![HUGE, HUGE, 0, HUGE]),
        ("layers.0.dense.kernel", vec![HUGE, HUGE, 0]),
        ("layers.0.dense.bias", vec![HUGE, 0]),
    ]
    .map(|(name, shape)| (name.to_owned(), shape, Dtype::F32))
    .to_vec();
    let found = params(&tensors);
    assert!(found.iter().all(|param| param.role.value != Role::Unknown));
    for recipe in ["auto", "torch", "keras", "jax", "hf"] {
        let made = plan(&found, &Recipe::named(recipe).unwrap(), &Options::default());
        // Sizes that no memory has are refused, by name, also where the tensor would be empty.
        let refused = made.unwrap_err().to_string();
        assert!(refused.contains("the plan has 3 problem") && refused.contains("2^58"), "{recipe}: {refused}");
    }
}

/// The shortest of three runs.
fn time(tensors: &[Tensor]) -> Duration {
    let run = || {
        let start = Instant::now();
        assert_eq!(params(tensors).len(), tensors.len());
        start.elapsed()
    };
    (0..3).map(|_| run()).min().unwrap()
}

#[test]
fn ten_times_the_names_take_some_ten_times_as_long() {
    // Each of these once was a loop over all other names.
    let forms: [&dyn Fn(usize) -> String; 6] = [
        &|i| format!("layers.{i}.attn.q_proj.weight"),
        &|i| format!("w{i}"),
        &|i| format!("a.b.c.d.e.{i}.norm.weight"),
        &|i| format!("experts.{i}.down_proj"),
        &|i| format!("embed.{i}.embedding"),
        &|i| format!("{i}.bias"),
    ];
    for (kind, form) in forms.iter().enumerate() {
        let list = |n: usize| (0..n).map(|i| (form(i), vec![64, 64], Dtype::F32)).collect::<Vec<Tensor>>();
        let (few, many) = (time(&list(1500)), time(&list(15_000)));
        // A quadratic search takes a hundred times as long.
        assert!(many < few * 45 + Duration::from_millis(50), "form {kind}: {few:?}, then {many:?}");
    }
}

#[test]
fn one_enormous_name_is_read_at_once() {
    for text in [".".repeat(3_000_000), "layers.0.".repeat(300_000), "é".repeat(1_000_000), "7".repeat(2_000_000)] {
        let start = Instant::now();
        let found = params(&[(text.clone(), vec![4, 4], Dtype::F32), (format!("{text}.bias"), vec![4], Dtype::F32)]);
        assert_eq!(found.len(), 2);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}
