//! Known mistakes of initializers, shown not to be made here: fans, gates and names. The numbers in the names are those of the
//! survey that found them in the frameworks.

mod pitfall;

use fanin::generate::Filler;
use fanin::plan::Laws;
use fanin::{Axes, Axis, Count, Dtype, Fan, Param, Recipe, Region, Role, convention};
use pitfall::{ERRORS, bound, drawn, gram_error, laws, mean, std};

/// Standard deviation of a call's law on a weight.
fn spread(call: &str, shape: &[u64], axes: Axes) -> f64 {
    laws(call, shape, axes).variance().sqrt()
}

fn near(found: f64, expected: f64) -> bool {
    (found / expected - 1.0).abs() < 1e-9
}

/// A file of names and shapes, as it is read without a graph.
fn read(tensors: &[(&str, &[u64])]) -> Vec<Param> {
    let tensor = |(name, shape): &(&str, &[u64])| ((*name).to_owned(), shape.to_vec(), Dtype::F32);
    convention::params(&tensors.iter().map(tensor).collect::<Vec<_>>())
}

/// The standard deviations of the parts of a parameter.
fn parts(param: &Param, call: &str) -> Vec<f64> {
    let laws = Laws::of(param, &call.parse().unwrap()).unwrap();
    laws.parts.iter().map(|(_, law)| law.variance().sqrt()).collect()
}

#[test]
fn pitfall_13_fused_projections_have_the_fans_of_separate_ones() {
    let separate = bound(&laws("glorot(draw=uniform)", &[512, 512], Axes::linear()));
    assert!(near(separate, (6.0f64 / 1024.0).sqrt()));
    let fused = read(&[("attn.in_proj_weight", &[1536, 512]), ("attn.in_proj_bias", &[1536])]).remove(0);
    let each = Laws::of(&fused, &"glorot(draw=uniform)".parse().unwrap()).unwrap();
    assert_eq!(each.parts.iter().map(|(part, _)| part.label.as_str()).collect::<Vec<_>>(), ["q", "k", "v"]);
    assert!(near(bound(&each), separate), "{}", bound(&each));
    // Each projection's values reach that bound, and not the narrower one of the matrix as a whole.
    let values = drawn(&each, "attn.in_proj_weight", 7, Dtype::F32);
    for block in values.chunks(512 * 512) {
        assert!(pitfall::largest(block) > 0.999 * separate && pitfall::largest(block) <= separate * (1.0 + 1e-6));
    }
    // torch's own name gives torch's law: 1/√2 of it.
    let whole = Laws::of(&fused, &"torch:xavier_uniform_".parse().unwrap()).unwrap();
    assert!(near(bound(&whole), (6.0f64 / 2048.0).sqrt()));
    // Gate and up of a gated unit, and q, k and v of fewer heads, in one matrix each.
    let gated = read(&[("mlp.gate_up_proj.weight", &[512, 128]), ("mlp.down_proj.weight", &[128, 256])]).remove(0);
    assert_eq!(parts(&gated, "glorot"), [(2.0f64 / 384.0).sqrt(); 2]);
    let axes = Axes::linear().fused(0, 96, 1, &["gate", "up"]).unwrap();
    assert!(near(spread("he(fan=out)", &[96, 32], axes), (2.0f64 / 48.0).sqrt()));
}

#[test]
fn pitfall_14_a_stack_of_experts_has_the_fans_of_one() {
    let experts = read(&[("mlp.experts.gate_up_proj", &[8, 2048, 2816]), ("mlp.experts.down_proj", &[8, 1408, 2048])]);
    let down = &experts[1];
    assert_eq!((down.parts().len(), down.parts()[7].param.shape.as_slice()), (8, &[1, 1408, 2048][..]));
    assert!(parts(down, "he").iter().all(|std| near(*std, (2.0f64 / 1408.0).sqrt())));
    assert!(parts(&experts[0], "he").iter().all(|std| near(*std, (2.0f64 / 2048.0).sqrt())));
    // As [experts, out, in] of three dimensions, which torch takes for a kernel: 64 times too small.
    let stacked = Axes::of(&[Axis::Stack, Axis::Out, Axis::In]);
    let torch = spread("torch:kaiming_normal_", &[8, 4096, 1024], stacked.clone());
    assert!(near(torch, (2.0f64 / 4_194_304.0).sqrt()));
    assert!(near(spread("he", &[8, 4096, 1024], stacked), 64.0 * torch));
    // Orthogonal experts are orthogonal one by one, and differ.
    let three = laws("orthogonal", &[3, 12, 20], Axes::of(&[Axis::Stack, Axis::Out, Axis::In]));
    let values = drawn(&three, "w", 7, Dtype::F32);
    assert!(values.chunks(240).all(|expert| gram_error(expert, 12, 20) < 2e-6) && values[..240] != values[240..480]);
}

#[test]
fn pitfall_15_a_depthwise_kernel_has_the_fans_of_one_channel() {
    let torch = Axes::conv(2, 512);
    assert!(near(spread("he", &[512, 1, 3, 3], torch.clone()), (2.0f64 / 9.0).sqrt()));
    assert!(near(spread("he(fan=out)", &[512, 1, 3, 3], torch), (2.0f64 / 9.0).sqrt()));
    let fan_out = |count| Axes::conv(2, 256).fan_as(&[256, 1, 3, 3], Fan::Out, count).unwrap();
    assert_eq!((fan_out(Count::True), fan_out(Count::Torch)), (9.0, 2304.0));
    // Keras' layout, by its name: 22.6 times too small there.
    let keras = read(&[("block/depthwise_conv2d/kernel", &[3, 3, 512, 1]), ("block/conv2d/kernel", &[1, 1, 512, 64])])
        .remove(0);
    assert!(near(parts(&keras, "he")[0], (2.0f64 / 9.0).sqrt()), "{:?}", keras.axes);
    assert!(near(parts(&keras, "keras:he_normal")[0], (2.0f64 / 4608.0).sqrt()));
}

#[test]
fn pitfall_16_a_transposed_kernel_sees_its_inputs_by_its_stride() {
    // 256 channels in, 16 out, 4 × 4 taps, stride 2: each output sees 256 · 16 / 4 inputs.
    let up = Axes::conv_transposed(2, 1, 4);
    assert!(near(spread("he", &[256, 16, 4, 4], up.clone()), 2.0f64.sqrt() / 32.0));
    assert!(near(spread("torch:kaiming_normal_", &[256, 16, 4, 4], up.clone()), 2.0f64.sqrt() / 16.0));
    assert_eq!(up.fan_as(&[256, 16, 4, 4], Fan::Out, Count::True).unwrap(), 256.0);
    // Keras keeps [field, out, in], and takes out for in.
    let last = Axes { transposed: true, ..Axes::of(&[Axis::Field, Axis::Field, Axis::Out, Axis::In]) };
    assert!(near(spread("he", &[3, 3, 16, 256], last.clone()), (2.0f64 / 2304.0).sqrt()));
    assert!(near(spread("keras:he_normal", &[3, 3, 16, 256], last), (2.0f64 / 144.0).sqrt()));
    // A stride that no file tells is asked for.
    let unknown = read(&[("up.0.weight", &[64, 32, 4, 4]), ("up.0.bias", &[32])]).remove(0);
    assert!(unknown.place.doubts.iter().any(|doubt| doubt.say.contains("stride")), "{:?}", unknown.place.doubts);
}

#[test]
fn pitfall_17_groups_divide_the_fans() {
    let grouped = || Axes::conv(2, 4);
    assert!(near(spread("lecun", &[32, 4, 3, 3], grouped()), 1.0 / 6.0));
    assert!(near(spread("lecun(fan=out)", &[32, 4, 3, 3], grouped()), (1.0f64 / 72.0).sqrt()));
    // MLX's and Paddle's layers count the inputs of all groups.
    assert!(near(spread("mlx:nn.Conv2d.weight", &[32, 4, 3, 3], grouped()), (1.0f64 / 432.0).sqrt()));
    assert!(near(spread("paddle:nn.Conv2D.weight", &[32, 4, 3, 3], grouped()), (2.0f64 / 144.0).sqrt()));
    // Transposed: [in, out/groups, taps].
    let up = Axes::conv_transposed(2, 4, 1);
    assert!(near(spread("lecun", &[16, 8, 3, 3], up), 1.0 / 6.0));
}

#[test]
fn pitfall_18_a_framework_is_wrong_under_its_own_name_only() {
    let conv = || Axes::conv(2, 1);
    let shape = [32, 16, 3, 3];
    assert!(near(spread("glorot", &shape, conv()), (2.0f64 / 432.0).sqrt()));
    assert!(near(bound(&laws("tinygrad:glorot_uniform", &shape, conv())), (6.0f64 / (144.0 + 32.0)).sqrt()));
    assert!(near(spread("he_normal", &[8, 64], Axes::linear()), 2.0f64.sqrt() / 8.0));
    assert!(near(spread("mlx:he_normal", &[8, 64], Axes::linear()), 1.0 / 8.0));
    let square = || spread("glorot", &[48, 48], Axes::linear());
    assert!(near(spread("mxnet:Xavier(rnd_type=gaussian)", &[48, 48], Axes::linear()), 3.0f64.sqrt() * square()));
    assert!(near(spread("mxnet:MSRAPrelu", &[16, 80], Axes::linear()), (2.0f64 / 1.0625 / 48.0).sqrt()));
    assert!(near(spread("he(slope=0.25)", &[16, 80], Axes::linear()), (2.0f64 / 1.0625 / 80.0).sqrt()));
    // torch ignores the slope of a plain rectifier, and says so nowhere.
    assert!(near(spread("torch:kaiming_normal_(a=2, nonlinearity=relu)", &[8, 50], Axes::linear()), 0.2));
    assert!(near(spread("he(slope=2)", &[8, 50], Axes::linear()), (2.0f64 / 5.0 / 50.0).sqrt()));
    // Every name whose law is not the plain one's says what is the matter.
    let noted = |written: &str| {
        let all = fanin::methods::METHODS.iter().flat_map(|entry| entry.about().spellings);
        all.filter(|spelling| spelling.written() == written).any(|spelling| !spelling.note.is_empty())
    };
    for name in ["tinygrad:glorot_uniform", "mlx:he_normal", "mxnet:Xavier", "mxnet:MSRAPrelu", "hf:lecun_normal_"] {
        assert!(noted(name), "{name}");
    }
}

#[test]
fn pitfall_19_every_gate_of_a_recurrent_kernel_is_orthogonal() {
    let units = 32u64;
    let layer = read(&[
        ("lstm/lstm_cell/kernel", &[16, 4 * units]),
        ("lstm/lstm_cell/recurrent_kernel", &[units, 4 * units]),
        ("lstm/lstm_cell/bias", &[4 * units]),
    ]);
    let gates = |call: &str| -> Vec<f64> {
        let laws = Laws::of(&layer[1], &call.parse().unwrap()).unwrap();
        let values = drawn(&laws, "u", 7, Dtype::F32);
        let wide = 4 * units as usize;
        let gate = |g: usize| -> Vec<f64> {
            (0..wide / 4).flat_map(|row| values[row * wide + g * 32..row * wide + g * 32 + 32].to_vec()).collect()
        };
        (0..4).map(|g| gram_error(&gate(g), 32, 32)).collect()
    };
    assert!(gates("orthogonal").iter().all(|error| *error < 2e-6), "{:?}", gates("orthogonal"));
    // Keras' own name makes the whole kernel orthogonal: its gates are far from it.
    assert!(gates("keras:orthogonal").iter().all(|error| *error > 0.5), "{:?}", gates("keras:orthogonal"));
    let plan = fanin::plan::plan(&layer, &Recipe::named("lstm").unwrap(), &fanin::plan::Options::default()).unwrap();
    let call = match &plan.decisions[1].action {
        fanin::Action::Fill(call) => call.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(call, "orthogonal");
}

/// Mean |w|² of a tensor of complex numbers, and its law's.
fn power(call: &str, draws: u64) -> (f64, f64) {
    let param = Param::new("w", &[120, 80], Dtype::C64, Role::Weight, Axes::linear());
    let laws = Laws::of(&param, &call.parse().unwrap()).unwrap_or_else(|error| panic!("{error}"));
    let mut out = vec![0; 120 * 80 * 8];
    let mut sum = 0.0;
    for seed in 0..draws {
        Filler::new(&laws, seed, "w", Dtype::C64).unwrap().fill(&Region::All, &mut out).unwrap();
        sum += out.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b)).powi(2)).sum::<f64>();
    }
    (sum / (9600 * draws) as f64, laws.variance())
}

#[test]
fn pitfall_21_complex_weights_have_their_variance_in_all_draws() {
    for call in ["glorot(draw=uniform)", "glorot", "glorot(draw=truncated)", "complex", "jax:xavier_uniform"] {
        let (measured, law) = power(call, 4);
        assert!(near(law, 0.01), "{call}: {law}");
        // |w|² spreads less than its mean.
        assert!((measured / 0.01 - 1.0).abs() < ERRORS / (4.0 * 9600.0f64).sqrt(), "{call}: {measured}");
    }
    // torch fills a square where it should be a disk: √2 too wide, under its own name only.
    assert!(near(power("torch:xavier_uniform_", 1).1, 0.02));
    assert!(near(power("torch:xavier_normal_", 1).1, 0.01));
    // torch's orthogonal matrix stops at complex numbers; here it is a unitary one, as in JAX.
    for call in ["orthogonal", "jax:orthogonal", "unitary"] {
        let param = Param::new("w", &[8, 8], Dtype::C64, Role::Weight, Axes::linear());
        let laws = Laws::of(&param, &call.parse().unwrap()).unwrap();
        let mut out = vec![0; 8 * 8 * 8];
        Filler::new(&laws, 3, "w", Dtype::C64).unwrap().fill(&Region::All, &mut out).unwrap();
        let w: Vec<f32> = out.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        for (a, b) in (0..8).flat_map(|a| (0..8).map(move |b| (a, b))) {
            let (x, y) = (&w[16 * a..16 * a + 16], &w[16 * b..16 * b + 16]);
            let real = x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
            let imaginary = (0..8).map(|i| x[2 * i] * y[2 * i + 1] - x[2 * i + 1] * y[2 * i]).sum::<f32>();
            assert!((real - f32::from(u8::from(a == b))).abs() < 1e-5 && imaginary.abs() < 1e-5, "{call}: {a}, {b}");
        }
    }
}

#[test]
fn pitfall_30_one_name_is_one_law_in_each_framework() {
    let widest =
        |call: &str, shape: &[u64], axes: Axes| pitfall::largest(&drawn(&laws(call, shape, axes), "w", 7, Dtype::F32));
    // He's normal: torch does not cut, Keras and JAX cut at two standard deviations and correct.
    let std = (2.0f64 / 256.0).sqrt();
    assert!(widest("torch:kaiming_normal_", &[256, 256], Axes::linear()) > 4.0 * std);
    for call in ["keras:he_normal", "jax:he_normal"] {
        assert!(near(spread(call, &[256, 256], Axes::matmul()), std), "{call}");
        assert!(widest(call, &[256, 256], Axes::matmul()) <= 2.0 / 0.879_625_661 * std * 1.000_001, "{call}");
    }
    // Wang's rule: GPT-NeoX' is twice LitGPT's.
    let neox = spread("neox:wang_init(n_layers=4)", &[64, 256], Axes::linear());
    assert!(near(neox, 2.0 / 32.0) && near(spread("litgpt:proj(n_layer=4)", &[64, 256], Axes::linear()), 1.0 / 32.0));
    // A plain uniform law is one-sided in JAX, Haiku and torch, and two-sided in Keras.
    let sides = |call: &str| {
        let values = drawn(&laws(call, &[64, 64], Axes::linear()), "w", 7, Dtype::F32);
        (values.iter().any(|v| *v < 0.0), mean(&values))
    };
    for (call, middle) in [("jax:uniform", 0.005), ("haiku:RandomUniform", 0.5), ("torch:uniform_", 0.5)] {
        let (negative, found) = sides(call);
        assert!(!negative && (found / middle - 1.0).abs() < 0.06, "{call}: {found}");
    }
    assert!(sides("keras:RandomUniform").0);
    // Candle's linear layer is √6 times torch's, whose own default is LeCun's over √3.
    let torch = spread("torch:nn.Linear.weight", &[10, 64], Axes::linear());
    assert!(near(spread("candle:Kaiming.Normal", &[10, 64], Axes::linear()), 6.0f64.sqrt() * torch));
    assert!(near(torch, (1.0f64 / 192.0).sqrt()));
    // The plain name is the paper's.
    assert!(near(spread("he_normal", &[10, 64], Axes::linear()), (2.0f64 / 64.0).sqrt()));
    assert!(std_of_plain() > 4.0);
}

/// The widest of 65,536 normals in standard deviations: the plain name is not cut either.
fn std_of_plain() -> f64 {
    let values = drawn(&laws("he_normal", &[256, 256], Axes::linear()), "w", 7, Dtype::F32);
    pitfall::largest(&values) / std(&values)
}
