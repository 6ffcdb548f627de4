//! [`Options`]: what is done where names or shapes differ.

use super::{Rename, Tokens};
use crate::error::Refusal;
use crate::fit::Array;
use std::collections::BTreeMap;

/// What is done where a source and a model differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Other names for the source's tensors; the first that fits counts.
    pub maps: Vec<Rename>,
    /// Where the model is narrower than the source.
    pub smaller: Smaller,
    /// Where the model is wider than the source.
    pub wider: Wider,
    /// Where the model has more blocks than the source.
    pub deeper: Deeper,
    /// Where the head has another number of outputs.
    pub head: Head,
    /// What new rows of tables of symbols begin as.
    pub vocabulary: Vocabulary,
    /// Which rows of those tables belong together.
    pub tokens: Option<Tokens>,
    /// Heads of the source's keys and values, where the model has another number.
    pub heads: Option<u64>,
    /// Where low-rank adapters start.
    pub lora: Option<Lora>,
    /// What the model multiplies the product of an adapter's factors by: alpha/rank; 1 where it is not given.
    pub lora_scale: Option<f64>,
    /// What was measured of the source's weights, by name: second moments of the inputs, inputs × inputs, for [`Lora::Eva`]; the
    /// gradient, outputs × inputs, for [`Lora::Gradient`].
    pub measured: BTreeMap<String, Array>,
    /// Multiplies everything that is taken; 1 where it is not given.
    ///
    /// Source: Ash & Adams 2020, arXiv:1910.08475 (shrink and perturb).
    pub shrink: Option<f64>,
    /// Standard deviation, relative to that of each tensor, of noise that is added to weights that are taken.
    pub perturb: Option<f64>,
}

/// Where the model is narrower than the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Smaller {
    /// Every n-th unit.
    #[default]
    Select,
    /// The first units.
    First,
    /// The units that weigh most.
    Subclone,
}

/// What new rows of a table of symbols begin as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vocabulary {
    /// The mean of the source's rows.
    #[default]
    Mean,
    /// Draws with their mean and a part of their covariance.
    Covariance,
}

/// Where low-rank adapters start. Without one the recipe draws them, which is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lora {
    /// A at random as PEFT draws it, B zero.
    Default,
    /// A from a normal law of standard deviation 1/rank, B zero.
    Gaussian,
    /// At the largest singular values of the weight, which keeps the rest.
    Pissa,
    /// At an orthogonal basis of the weight's first columns; the weight keeps the rest.
    Olora,
    /// At the directions in which the layer's inputs are largest, with B zero ([`Options::measured`]).
    Eva,
    /// At the singular vectors of the weight's gradient; the weight keeps the rest ([`Options::measured`]).
    Gradient,
}

/// Where the model is wider than the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wider {
    /// Wider weights are drawn.
    #[default]
    Draw,
    /// The source's part is copied, and the rest is drawn with the standard deviation of the source.
    Pad,
    /// Units are repeated and what they send is shared among them: the function stays.
    Net2net,
    /// As `Net2net`, but new units are those of the next block.
    Aki,
}

/// Where the model has more blocks than the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deeper {
    /// Further blocks are drawn.
    #[default]
    Draw,
    /// The source's blocks are stacked: block `i` is the source's block `i` modulo their number.
    ///
    /// Source: Gong et al. 2019, ICML, "Efficient training of BERT by progressively stacking".
    Stack,
    /// As stacked, but further blocks add nothing to the residual stream at the start: the function stays.
    ///
    /// Source: Wang et al. 2024, arXiv:2310.07999 (lossless expansion).
    Silent,
    /// Each of the source's blocks is repeated in its place.
    Interleave,
    /// Each block is the sum of the two of the source that it lies between, in proportion to its place.
    Blend,
    /// Further layers give on what they get: identities, where the activation lets them.
    ///
    /// Source: Chen, Goodfellow, Shlens 2016, arXiv:1511.05641.
    Net2net,
}

/// Where the head has another number of outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Head {
    /// It is drawn.
    #[default]
    Draw,
    /// The first outputs are those of the source; further ones are drawn with its standard deviation.
    Rows,
}

impl Options {
    /// Sets one option from the text `NAME=VALUE`.
    ///
    /// # Errors
    /// If there is no such option or value.
    ///
    /// # Example
    /// ```
    /// use fanin::transfer::{Options, Wider};
    /// let mut options = Options::default();
    /// options.set("wider=net2net")?;
    /// assert_eq!(options.wider, Wider::Net2net);
    /// # Ok::<(), fanin::Refusal>(())
    /// ```
    pub fn set(&mut self, text: &str) -> Result<(), Refusal> {
        let number = |value: &str| value.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
        let (name, value) = text.split_once('=').map_or((text, ""), |(name, value)| (name.trim(), value.trim()));
        match name {
            "smaller" => self.smaller = one_of(SMALLER, value).ok_or_else(|| unknown(name, text))?,
            "wider" => self.wider = one_of(WIDER, value).ok_or_else(|| unknown(name, text))?,
            "deeper" => self.deeper = one_of(DEEPER, value).ok_or_else(|| unknown(name, text))?,
            "head" => self.head = one_of(HEAD, value).ok_or_else(|| unknown(name, text))?,
            "vocabulary" => self.vocabulary = one_of(VOCABULARY, value).ok_or_else(|| unknown(name, text))?,
            "lora" => self.lora = Some(one_of(LORA, value).ok_or_else(|| unknown(name, text))?),
            "heads" => {
                let heads = value.parse().ok().filter(|heads| *heads > 0);
                self.heads = Some(heads.ok_or_else(|| unknown(name, text))?);
            }
            "lora_scale" => {
                let scale = number(value).filter(|scale| *scale > 0.0);
                self.lora_scale = Some(scale.ok_or_else(|| unknown(name, text))?);
            }
            "shrink" => self.shrink = Some(number(value).ok_or_else(|| unknown(name, text))?),
            "perturb" => self.perturb = Some(number(value).ok_or_else(|| unknown(name, text))?),
            _ => return Err(unknown(name, text)),
        }
        Ok(())
    }
}

type Words<T> = &'static [(&'static str, T)];

const SMALLER: Words<Smaller> =
    &[("select", Smaller::Select), ("first", Smaller::First), ("subclone", Smaller::Subclone)];
/// What bert2BERT calls function-preserving initialization is `net2net` here: both repeat whole heads.
const WIDER: Words<Wider> = &[
    ("draw", Wider::Draw),
    ("pad", Wider::Pad),
    ("net2net", Wider::Net2net),
    ("fpi", Wider::Net2net),
    ("aki", Wider::Aki),
];
const DEEPER: Words<Deeper> = &[
    ("draw", Deeper::Draw),
    ("stack", Deeper::Stack),
    ("silent", Deeper::Silent),
    ("interleave", Deeper::Interleave),
    ("blend", Deeper::Blend),
    ("net2net", Deeper::Net2net),
];
const HEAD: Words<Head> = &[("draw", Head::Draw), ("rows", Head::Rows)];
const VOCABULARY: Words<Vocabulary> = &[("mean", Vocabulary::Mean), ("covariance", Vocabulary::Covariance)];
const LORA: Words<Lora> = &[
    ("default", Lora::Default),
    ("gaussian", Lora::Gaussian),
    ("pissa", Lora::Pissa),
    ("olora", Lora::Olora),
    ("eva", Lora::Eva),
    ("gradient", Lora::Gradient),
];

fn one_of<T: Copy>(words: Words<T>, value: &str) -> Option<T> {
    words.iter().find(|(word, _)| *word == value).map(|(_, found)| *found)
}

fn unknown(name: &str, text: &str) -> Refusal {
    let expected = match name {
        "smaller" => "select, first or subclone",
        "wider" => "draw, pad, net2net, fpi or aki",
        "deeper" => "draw, stack, silent, interleave, blend or net2net",
        "head" => "draw or rows",
        "vocabulary" => "mean or covariance",
        "lora" => "default, gaussian, pissa, olora, eva or gradient",
        "heads" => "a number of heads",
        "lora_scale" => "a number above 0: alpha/rank",
        "shrink" | "perturb" => "a number that is not negative",
        _ => "smaller=, wider=, deeper=, head=, vocabulary=, heads=, lora=, lora_scale=, shrink= or perturb=",
    };
    let remedy = "docs/pretrained.md tells what each does.";
    Refusal::new("there is no such fit", expected, remedy).of("", &format!("--fit '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_set_by_their_names() {
        let mut options = Options::default();
        for text in [
            "smaller=subclone",
            "wider=aki",
            "wider=fpi",
            "vocabulary=covariance",
            "heads=8",
            "lora=olora",
            "lora_scale=2",
        ] {
            options.set(text).unwrap();
        }
        assert_eq!((options.smaller, options.wider, options.heads), (Smaller::Subclone, Wider::Net2net, Some(8)));
        assert_eq!((options.lora, options.lora_scale), (Some(Lora::Olora), Some(2.0)));
        let mut options = Options::default();
        for text in ["wider=net2net", "deeper = silent", "head=rows", "shrink=0.5", "perturb=0.01"] {
            options.set(text).unwrap();
        }
        assert_eq!((options.wider, options.deeper, options.head), (Wider::Net2net, Deeper::Silent, Head::Rows));
        assert_eq!((options.shrink, options.perturb), (Some(0.5), Some(0.01)));
        for (text, expected) in [
            ("wider=yes", "draw, pad, net2net, fpi or aki"),
            ("smaller=no", "select, first or subclone"),
            ("deeper=", "interleave"),
            ("lora=yes", "pissa, olora"),
            ("heads=0", "a number of heads"),
            ("lora_scale=0", "above 0"),
            ("vocabulary=x", "mean or covariance"),
            ("shrink=-1", "a number that is not negative"),
            ("shrink=inf", "a number that is not negative"),
            ("nothing", "wider=, deeper="),
            ("head=all", "draw or rows"),
        ] {
            let error = options.set(text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(text), "{error}");
        }
    }
}
