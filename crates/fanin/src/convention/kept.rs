//! What is no parameter: running statistics, index tables, masks, filters, parts of quantized weights.

use super::Reading;
use super::names::{Name, Names};
use crate::role::Role;

/// Constants of the computation and what is measured while training.
pub(super) fn kept(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    statistic(name, shape, names).or_else(|| fixed(name, shape, names)).or_else(|| quantized(name, shape, names))
}

fn statistic(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let beside = |word: &str| names.sibling(name, word).is_some();
    let measured = |because| Some(Reading::new(Role::Statistic, because));
    match name.last.as_str() {
        "running_mean" | "running_var" | "moving_mean" | "moving_variance" | "num_batches_tracked" => {
            measured("named as a running statistic")
        }
        // Paddle's batch normalization.
        "_mean" | "_variance" if shape.len() == 1 => measured("named as a running statistic"),
        "mean" if beside("variance") || beside("var") => measured("a mean beside a variance"),
        "count" if beside("mean") && (beside("variance") || beside("var")) => measured("a count beside a mean"),
        "variance" | "var" if beside("mean") => measured("a variance beside a mean"),
        // Haiku's moving averages.
        "average" | "hidden" if beside("average") && beside("hidden") => measured("a moving average"),
        "weight_u" | "weight_v" if beside("weight_orig") && shape.len() == 1 => Some(power()),
        "u" | "sigma" if beside("u") && beside("sigma") => Some(power()),
        "vector_u" => Some(power()),
        "embed" if beside("cluster_size") || beside("cluster_usage") => Some(codebook()),
        "cluster_size" | "cluster_usage" | "embed_avg" | "embed_sum" | "inited" | "initialized"
        | "ema_cluster_size" | "_ema_cluster_size" => Some(codebook()),
        last if last.ends_with("ema_w") && beside(&last.replace("_w", "_cluster_size")) => Some(codebook()),
        _ if matches!(name.words().last().as_deref(), Some("batch_stats")) => measured("among the batch statistics"),
        _ if matches!(name.words().last().as_deref(), Some("optimizer" | "opt_state")) => {
            let reading = Reading::new(Role::Statistic, "the optimizer's, not the model's");
            Some(reading.noting("a moment of the gradients: start the optimizer afresh"))
        }
        _ => None,
    }
}

fn power() -> Reading {
    let note = "a singular vector or value, estimated by power iteration while training";
    Reading::new(Role::Statistic, "beside a weight of spectral norm").noting(note)
}

fn codebook() -> Reading {
    let note = "a codebook that follows moving averages of what it encodes";
    Reading::new(Role::Statistic, "named as a codebook's averages").noting(note)
}

/// Words that name index tables and other precomputed numbers.
const BUFFERS: [&str; 28] = [
    "inv_freq",
    "position_ids",
    "token_type_ids",
    "attn_mask",
    "causal_mask",
    "masked_bias",
    "mask",
    "relative_position_index",
    "relative_coords_table",
    "attention_bias_idxs",
    "cos_cached",
    "sin_cached",
    "freqs_cis",
    "alibi",
    "alibi_slopes",
    "slope_rate",
    "query_decay",
    "key_decay",
    "diagonal_decay",
    "embed_scale",
    "pe",
    "freqs",
    "final_logits_bias",
    "noise_const",
    "grid",
    "w_avg",
    "version",
    "_float_tensor",
];

/// Words in the names of transforms that are stored as kernels.
const FILTERS: [&str; 8] =
    ["stft", "fourier", "filterbank", "filter_bank", "mel_filter", "window_fn", "cqt", "wavelet"];

fn fixed(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let last = name.last.as_str();
    let fixed = |because, note| Some(Reading::new(Role::Fixed, because).noting(note));
    if last.ends_with("_weight") && name.words().any(|word| word == "criterion") {
        return fixed("part of a loss", "how much each class counts in the loss");
    }
    if BUFFERS.contains(&last) {
        return fixed("named as a buffer", "a table of the computation");
    }
    // Keys and values of positions that were seen; low-pass filters between samplings.
    if last.ends_with("_cache") || last.ends_with("_filter") {
        return fixed("named as a buffer", "a table of the computation");
    }
    if last == "bias" && matches!(shape, [1, 1, rows, cols] if rows == cols) {
        return fixed("square over positions, one for all heads", "a causal mask");
    }
    if standardizes(name, shape, names) {
        return fixed("one of a pair that describes data", "what a signal is standardized or clipped by");
    }
    let filter = last.ends_with("_basis") || last.ends_with("basis_buffer") || last == "window";
    if filter || FILTERS.iter().any(|word| last.contains(word) || name.module.contains(word)) {
        return fixed("named as a filter bank", "a Fourier, wavelet or window filter, not a learned kernel");
    }
    // A base that an orthogonal parametrization turns: the two together are the weight.
    let pair = |word: &str| names.sibling(name, word).is_some_and(|other| other == shape);
    if (last == "weight_base" && pair("weight_orig")) || (last == "weight_orig" && pair("weight_base")) {
        return fixed("of an orthogonal parametrization", "turns and its base make the weight together");
    }
    None
}

/// The ends of the names of two vectors that describe data together.
const PAIRS: [(&str, &str); 6] = [
    ("mean", "std"),
    ("mean", "invstd"),
    ("_min", "_max"),
    ("_mean", "_scale"),
    ("mean", "scale"),
    ("std_bias", "std_scale"),
];

/// Whether it is a mean beside a deviation, or the lower end of a range beside the upper one.
fn standardizes(name: &Name, shape: &[u64], names: &Names) -> bool {
    let beside = |own: &str, other: &str| {
        let front = name.last.strip_suffix(own);
        front.is_some_and(|front| names.sibling(name, &format!("{front}{other}")) == Some(shape))
    };
    let vector = shape.iter().filter(|&&size| size > 1).count() <= 1;
    // A normalization that keeps a mean keeps a variance, too, and learns its scale.
    let learns = ["var", "variance"].iter().any(|word| names.sibling(name, word).is_some());
    vector && !learns && PAIRS.iter().any(|(a, b)| beside(a, b) || beside(b, a))
}

/// Numbers that a quantized weight is made of, and the weight itself.
fn quantized(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    const NOTE: &str = "part of a quantized weight: dequantize the model first, then initialize it";
    let beside = |word: &str| names.sibling(name, word).is_some();
    let last = name.last.as_str();
    let number = match last {
        "weight_scale" | "weight_scale_inv" | "weight_scale_2" | "input_scale" | "output_scale" | "absmax"
        | "quant_map" | "nested_absmax" | "nested_quant_map" | "weight_zero_point" => true,
        "scales" | "qzeros" | "biases" => beside("qweight") || (beside("scales") && beside("weight")),
        "scale" | "zero_point" => beside("packed_params") || (beside("zero_point") && beside("scale")),
        // Observers of ranges, and the integers and factors that they make.
        "min_val" | "max_val" | "x_min" | "x_max" => shape.iter().all(|&size| size == 1) || shape.len() <= 1,
        _ if last.ends_with("_integer") || last.ends_with("scaling_factor") => true,
        _ => last.starts_with("weight.") || name.module == "weight" && last.starts_with("quant_state"),
    };
    if number {
        return Some(Reading::new(Role::Fixed, "named as a number of a quantization").noting(NOTE));
    }
    let scaled = last == "weight"
        && ["weight_scale", "weight_scale_inv", "scales", "weight.absmax"].iter().any(|word| beside(word));
    scaled.then(|| Reading::new(Role::Fixed, "beside its quantization scale").noting(NOTE))
}
