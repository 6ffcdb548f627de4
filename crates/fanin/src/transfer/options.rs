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
        let expected = match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("wider", "draw")) => return set(&mut self.wider, Wider::Draw),
            Some(("wider", "pad")) => return set(&mut self.wider, Wider::Pad),
            Some(("wider", "net2net")) => return set(&mut self.wider, Wider::Net2net),
            Some(("wider", _)) => "draw, pad or net2net",
            Some(("deeper", "draw")) => return set(&mut self.deeper, Deeper::Draw),
            Some(("deeper", "stack")) => return set(&mut self.deeper, Deeper::Stack),
            Some(("deeper", "silent")) => return set(&mut self.deeper, Deeper::Silent),
            Some(("deeper", _)) => "draw, stack or silent",
            Some(("head", "draw")) => return set(&mut self.head, Head::Draw),
            Some(("head", "rows")) => return set(&mut self.head, Head::Rows),
            Some(("head", _)) => "draw or rows",
            Some(("shrink", value)) if number(value).is_some() => return set(&mut self.shrink, number(value)),
            Some(("perturb", value)) if number(value).is_some() => return set(&mut self.perturb, number(value)),
            Some(("shrink" | "perturb", _)) => "a number that is not negative",
            _ => "wider=, deeper=, head=, shrink= or perturb=",
        };
        let remedy = "docs/pretrained.md tells what each does.";
        Err(Refusal::new("there is no such fit", expected, remedy).of("", &format!("--fit '{text}'")))
    }
}

fn set<T>(place: &mut T, value: T) -> Result<(), Refusal> {
    *place = value;
    Ok(())
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
