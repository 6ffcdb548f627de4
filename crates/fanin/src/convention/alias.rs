//! Names that frameworks number or wrap, as the names that people read: `dense/vars/0` is `dense/kernel`.

use super::Tensor;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// For each tensor the name by which conventions are told.
pub(super) fn aliases(tensors: &[Tensor]) -> Vec<Cow<'_, str>> {
    let mut groups: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for (index, (name, _, _)) in tensors.iter().enumerate() {
        if let Some((layer, number)) = numbered(name) {
            groups.entry(layer).or_default().push((number, index));
        }
    }
    let mut aliases: Vec<Cow<str>> = tensors.iter().map(|(name, _, _)| plain(name)).collect();
    for (layer, mut variables) in groups {
        variables.sort_unstable();
        let shapes: Vec<&[u64]> = variables.iter().map(|(_, index)| tensors[*index].1.as_slice()).collect();
        for ((_, index), word) in variables.iter().zip(words(layer, &shapes)) {
            aliases[*index] = Cow::Owned(format!("{layer}/{word}"));
        }
    }
    aliases
}

/// Keras 3 numbers the variables of a layer: `layers/dense_1/vars/0`.
fn numbered(name: &str) -> Option<(&str, usize)> {
    let (front, number) = name.rsplit_once('/')?;
    Some((front.strip_suffix("/vars")?, number.parse().ok()?))
}

/// What the variables of a Keras layer are, by its class, which names it, and their shapes.
fn words(layer: &str, shapes: &[&[u64]]) -> Vec<String> {
    let class = layer.rsplit('/').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let is = |word: &str| class.contains(word);
    let recurrent = is("cell") || is("lstm") || is("gru") || is("rnn");
    let words: &[&str] = match shapes {
        _ if is("embedding") => &["embeddings"],
        _ if is("separable_conv") => &["depthwise_kernel", "pointwise_kernel", "bias"],
        _ if is("depthwise_conv") => &["depthwise_kernel", "bias"],
        [_, _] if is("spectral_normalization") => &["kernel", "vector_u"],
        _ if is("spectral_normalization") => &["vector_u"],
        _ if is("p_re_lu") => &["alpha"],
        _ if is("layer_scale") => &["gamma"],
        _ if recurrent => &["kernel", "recurrent_kernel", "bias"],
        // Without its scale or its shift a batch normalization has three: the shift is the one that people keep.
        [_, _, _] if is("batch_normalization") => &["beta", "moving_mean", "moving_variance"],
        [_, _] if is("batch_normalization") => &["moving_mean", "moving_variance"],
        [[_], [_], [_], [_]] => &["gamma", "beta", "moving_mean", "moving_variance"],
        _ if class == "normalization" => &["mean", "variance", "count"],
        _ if is("norm") => &["gamma", "beta"],
        [[_, _, ..], ..] => &["kernel", "bias"],
        _ => &[],
    };
    let number = |i: usize| words.get(i).map_or_else(|| format!("vars_{i}"), |word| (*word).to_owned());
    (0..shapes.len()).map(number).collect()
}

/// The name without what wraps it: TensorFlow's output number, torch's parametrizations, an adapter's name.
fn plain(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix(":0").unwrap_or(name);
    if let Some((module, rest)) = name.split_once(".parametrizations.") {
        let of = |word: &str, end: &str| Some(Cow::Owned(format!("{module}.{word}{end}")));
        let known = match rest.split_once('.') {
            Some((word, "original0")) => of(word, "_g"),
            Some((word, "original1" | "0._v")) => of(word, "_v"),
            Some((word, "original")) => of(word, "_orig"),
            Some((word, "0._u")) => of(word, "_u"),
            Some((word, "0.base")) => of(word, "_base"),
            _ => None,
        };
        return known.unwrap_or(Cow::Borrowed(name));
    }
    if let Some((front, _)) = name.rsplit_once(".default").filter(|_| name.contains("lora_")) {
        let end = &name[front.len() + ".default".len()..];
        return Cow::Owned(format!("{front}{end}"));
    }
    Cow::Borrowed(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    fn read(tensors: &[(&str, &[u64])]) -> Vec<String> {
        let tensors: Vec<Tensor> =
            tensors.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec(), Dtype::F32)).collect();
        aliases(&tensors).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn numbered_variables_get_their_words_in_any_order() {
        let found = read(&[
            ("layers/dense_3/vars/1", &[4]),
            ("layers/dense_3/vars/0", &[3, 4]),
            ("layers/batch_normalization/vars/0", &[4]),
            ("layers/batch_normalization/vars/1", &[4]),
            ("layers/batch_normalization/vars/2", &[4]),
            ("layers/batch_normalization/vars/3", &[4]),
            ("layers/lstm/cell/vars/1", &[2, 8]),
            ("layers/x/vars/0", &[]),
        ]);
        let words: Vec<&str> = found.iter().map(|name| name.rsplit('/').next().unwrap()).collect();
        // The first variable of a cell is its kernel, also where it is not in the list.
        let expected = ["bias", "kernel", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "vars_0"];
        assert_eq!(words, expected);
    }

    #[test]
    fn wrapped_names_are_those_of_what_they_wrap() {
        for (name, alias) in [
            ("conv.parametrizations.weight.original0", "conv.weight_g"),
            ("conv.parametrizations.weight.original1", "conv.weight_v"),
            ("conv.parametrizations.weight.original", "conv.weight_orig"),
            ("conv.parametrizations.weight.0._u", "conv.weight_u"),
            ("a.lora_A.default.weight", "a.lora_A.weight"),
            ("dense/kernel:0", "dense/kernel"),
            ("a.default.weight", "a.default.weight"),
        ] {
            assert_eq!(read(&[(name, &[2, 2])]), [alias]);
        }
    }
}
