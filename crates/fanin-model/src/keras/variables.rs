//! The names of a layer's variables, which Keras 3 stores by number: trainable ones first, in the order of `build`.

/// Names by class, in the order in which they are stored (keras 3.15, `add_weight` calls of each layer).
const CLASSES: [(&[&str], &[&str]); 8] = [
    (&["dense", "einsum_dense"], &["kernel", "bias"]),
    (
        &[
            "conv1d",
            "conv2d",
            "conv3d",
            "conv1d_transpose",
            "conv2d_transpose",
            "conv3d_transpose",
            "depthwise_conv1d",
            "depthwise_conv2d",
            "depthwise_conv3d",
        ],
        &["kernel", "bias"],
    ),
    (&["separable_conv1d", "separable_conv2d"], &["depthwise_kernel", "pointwise_kernel", "bias"]),
    (
        &["lstm", "gru", "simple_rnn", "lstm_cell", "gru_cell", "simple_rnn_cell", "conv_lstm_cell"],
        &["kernel", "recurrent_kernel", "bias"],
    ),
    (&["embedding"], &["embeddings"]),
    (&["p_re_lu"], &["alpha"]),
    (&["rms_normalization"], &["scale"]),
    (&["seed_generator"], &["seed_generator_state"]),
];

/// The names of the variables of these shapes, in a layer that is one of `classes`.
pub(super) fn names(classes: &[String], shapes: &[&[u64]]) -> Vec<String> {
    let is = |words: &[&str]| classes.iter().any(|class| words.contains(&class.as_str()));
    if is(&["batch_normalization"]) {
        return batch_normalization(shapes.len());
    }
    let listed = CLASSES.iter().find(|(words, _)| is(words)).map(|(_, names)| *names);
    let guessed = || by_shape(shapes);
    let names = listed.filter(|names| shapes.len() <= names.len()).map_or_else(guessed, <[&str]>::to_vec);
    names.into_iter().map(str::to_owned).collect()
}

/// Scale and shift can be left out, and the statistics come last.
fn batch_normalization(count: usize) -> Vec<String> {
    let all = ["gamma", "beta", "moving_mean", "moving_variance"];
    // With one of the two, which one cannot be told from the number; Keras' models leave out the scale.
    let names = match count {
        2 => &all[2..],
        3 => &all[1..],
        _ => &all[..],
    };
    names.iter().map(|&name| name.to_owned()).collect()
}

/// What variables of an unknown layer must be; nothing where the shapes do not say it.
fn by_shape(shapes: &[&[u64]]) -> Vec<&'static str> {
    let vectors = shapes.iter().all(|shape| shape.len() == 1 && *shape == shapes[0]);
    match shapes {
        [a] if a.len() >= 2 => vec!["kernel"],
        [a, b] if a.len() >= 2 && b.len() < a.len() && a.last() == b.last() => vec!["kernel", "bias"],
        [[_, gates], [state, same], ..]
            if gates == same && gates.is_multiple_of(*state.max(&1)) && shapes.len() == 3 =>
        {
            vec!["kernel", "recurrent_kernel", "bias"]
        }
        [_, _] if vectors => vec!["gamma", "beta"],
        [_, _, _, _] if vectors => vec!["gamma", "beta", "moving_mean", "moving_variance"],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(class: &str, shapes: &[&[u64]]) -> Vec<String> {
        names(&[class.to_owned()], shapes)
    }

    #[test]
    fn layers_name_their_variables() {
        assert_eq!(of("dense", &[&[3, 4], &[4]]), ["kernel", "bias"]);
        assert_eq!(of("separable_conv2d", &[&[3, 3, 4, 1], &[1, 1, 4, 8], &[8]])[1], "pointwise_kernel");
        assert_eq!(of("batch_normalization", &[&[4], &[4]]), ["moving_mean", "moving_variance"]);
        assert_eq!(of("batch_normalization", &[&[4], &[4], &[4]])[0], "beta");
        assert_eq!(of("lstm_cell", &[&[8, 12], &[3, 12], &[12]])[1], "recurrent_kernel");
    }

    #[test]
    fn shapes_tell_where_the_class_does_not() {
        assert_eq!(of("query_dense", &[&[8, 2, 4], &[2, 4]]), ["kernel", "bias"]);
        assert_eq!(of("norm1", &[&[4], &[4]]), ["gamma", "beta"]);
        assert_eq!(of("norm2", &[&[4], &[4], &[4], &[4]])[3], "moving_variance");
        assert_eq!(of("cell", &[&[8, 9], &[3, 9], &[2, 9]])[1], "recurrent_kernel");
        assert!(of("mine", &[&[4], &[5]]).is_empty());
        // More than the class has: a quantized layer, say.
        assert!(of("dense", &[&[3, 4], &[4], &[4], &[1]]).is_empty());
    }
}
