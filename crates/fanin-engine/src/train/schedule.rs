//! [`Schedule`]: the learning rate of each step, as a share of its peak.

use fanin::Refusal;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the learning rate goes over a run.
///
/// # Formula
/// For step t of T, after a linear rise over the first `warmup` steps, `t' = (t − warmup) / (T − warmup)`:
/// `constant`: 1; `cosine`: (1 + cos πt')/2; `linear`: 1 − t'.
///
/// # Example
/// ```
/// use fanin_engine::train::{Schedule, Shape};
/// let schedule = Schedule { shape: Shape::Cosine, warmup: 10 };
/// assert_eq!(schedule.share(0, 110), 0.1);
/// assert_eq!(schedule.share(10, 110), 1.0);
/// assert!((schedule.share(60, 110) - 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// How it goes after the warm-up.
    #[serde(default)]
    pub shape: Shape,
    /// Steps over which it rises from 0 to its peak.
    #[serde(default)]
    pub warmup: u64,
}

/// How a learning rate goes after its warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// It stays.
    #[default]
    Constant,
    /// It falls to 0 along half a period of the cosine (Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts).
    Cosine,
    /// It falls to 0 along a line.
    Linear,
}

impl Schedule {
    /// The learning rate of step `step` of `steps`, counted from 0, as a share of its peak.
    pub fn share(&self, step: u64, steps: u64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        let rest = steps.saturating_sub(self.warmup).max(1) as f64;
        let done = ((step - self.warmup) as f64 / rest).min(1.0);
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Cosine => f64::midpoint(1.0, (PI * done).cos()),
            Shape::Linear => 1.0 - done,
        }
    }
}

impl std::str::FromStr for Schedule {
    type Err = Refusal;

    /// `constant`, `cosine` or `linear`, with `:N` for a warm-up of N steps.
    fn from_str(text: &str) -> Result<Schedule, Refusal> {
        let (shape, warmup) = text.split_once(':').map_or((text, "0"), |(shape, warmup)| (shape, warmup));
        let shape = match shape {
            "constant" => Some(Shape::Constant),
            "cosine" => Some(Shape::Cosine),
            "linear" => Some(Shape::Linear),
            _ => None,
        };
        shape.zip(warmup.parse().ok()).map(|(shape, warmup)| Schedule { shape, warmup }).ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is no schedule"),
                "constant, cosine or linear, and :N for N steps of warm-up",
                "Write it like `cosine:100`.",
            )
        })
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shape = match self.shape {
            Shape::Constant => "constant",
            Shape::Cosine => "cosine",
            Shape::Linear => "linear",
        };
        if self.warmup == 0 { f.write_str(shape) } else { write!(f, "{shape}:{}", self.warmup) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_begin_and_end_where_they_should() {
        let share = |text: &str, step| text.parse::<Schedule>().unwrap().share(step, 100);
        assert_eq!([share("constant", 0), share("constant", 99)], [1.0, 1.0]);
        assert_eq!([share("linear", 0), share("linear", 50), share("linear", 100)], [1.0, 0.5, 0.0]);
        assert_eq!(share("cosine", 0), 1.0);
        assert!((share("cosine", 25) - 0.853_553_390_593_273_8).abs() < 1e-15, "cos(π/4)");
        assert_eq!([share("cosine:4", 0), share("cosine:4", 3), share("cosine:4", 4)], [0.25, 1.0, 1.0]);
        assert!(share("cosine:200", 99) < 0.51, "a warm-up longer than the run");
    }

    #[test]
    fn text_reads_back() {
        for text in ["constant", "cosine", "linear:3"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        for text in ["", "cosin", "cosine:x", "cosine:-1"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }
}
