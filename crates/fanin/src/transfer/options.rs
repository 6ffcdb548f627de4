//! [`Options`]: what is done where names or shapes differ.

use super::Rename;
use crate::error::Refusal;

/// What is done where a source and a model differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Other names for the source's tensors; the first that fits counts.
    pub maps: Vec<Rename>,
    /// Where the model is wider than the source.
    pub wider: Wider,
    /// Where the model has more blocks than the source.
    pub deeper: Deeper,
    /// Where the head has another number of outputs.
    pub head: Head,
    /// Multiplies everything that is taken; 1 where it is not given.
    ///
    /// Source: Ash & Adams 2020, arXiv:1910.08475, §4 (shrink and perturb).
    pub shrink: Option<f64>,
    /// Standard deviation, relative to that of each tensor, of noise that is added to weights that are taken.
    pub perturb: Option<f64>,
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
        match (name, value, number(value)) {
            ("wider", "draw", _) => self.wider = Wider::Draw,
            ("wider", "pad", _) => self.wider = Wider::Pad,
            ("wider", "net2net", _) => self.wider = Wider::Net2net,
            ("deeper", "draw", _) => self.deeper = Deeper::Draw,
            ("deeper", "stack", _) => self.deeper = Deeper::Stack,
            ("deeper", "silent", _) => self.deeper = Deeper::Silent,
            ("head", "draw", _) => self.head = Head::Draw,
            ("head", "rows", _) => self.head = Head::Rows,
            ("shrink", _, Some(number)) => self.shrink = Some(number),
            ("perturb", _, Some(number)) => self.perturb = Some(number),
            _ => return Err(unknown(name, text)),
        }
        Ok(())
    }
}

fn unknown(name: &str, text: &str) -> Refusal {
    let expected = match name {
        "wider" => "draw, pad or net2net",
        "deeper" => "draw, stack or silent",
        "head" => "draw or rows",
        "shrink" | "perturb" => "a number that is not negative",
        _ => "wider=, deeper=, head=, shrink= or perturb=",
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
        for text in ["wider=net2net", "deeper = silent", "head=rows", "shrink=0.5", "perturb=0.01"] {
            options.set(text).unwrap();
        }
        assert_eq!((options.wider, options.deeper, options.head), (Wider::Net2net, Deeper::Silent, Head::Rows));
        assert_eq!((options.shrink, options.perturb), (Some(0.5), Some(0.01)));
        for (text, expected) in [
            ("wider=yes", "draw, pad or net2net"),
            ("shrink=-1", "a number that is not negative"),
            ("shrink=inf", "a number that is not negative"),
            ("nothing", "wider=, deeper="),
        ] {
            let error = options.set(text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(text), "{error}");
        }
    }
}
