//! Random weight factorization: a matrix as a scale for each output and a matrix behind it.

use super::matrix::{layout, table, whole};
use super::prelude::*;
use crate::numerics::{exp, normal_quantile};
use crate::stream::Stream;
use crate::structure::{Formula, Moments, unit};

/// One factor of a weight that is kept as diag(g) V, whose product has another method's law.
///
/// `scale` is g = e^s with a normal s for each output, `direction` is V = W/g for a W of the method `of`. The product starts as W
/// and learns at another pace for each output: steps along V count g², which lets a network of coordinates, or one that solves a
/// differential equation, follow what changes fast. Both factors read one random number for each output, keyed by what their
/// names have in common before the last dot: `layer.g` and `layer.v`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rwf {
    /// Which factor: the `scale` g, or the `direction` V.
    pub part: Part,
    /// The call whose law the product has, in quotes if it has arguments; its values must be independent.
    pub of: String,
    /// Mean of s = ln g.
    pub mean: f64,
    /// Standard deviation of s.
    pub std: f64,
}

/// A factor of a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// g, a number for each output.
    Scale,
    /// V, the matrix that it multiplies.
    #[default]
    Direction,
}

impl Default for Rwf {
    fn default() -> Rwf {
        Rwf { part: Part::Direction, of: "glorot".to_owned(), mean: 1.0, std: 0.1 }
    }
}

/// The lane of the numbers that both factors read, apart from those of W.
const SCALES: u8 = 1;

impl Rwf {
    /// ln g of an output.
    fn log_scale(&self, stream: &Stream, output: u64) -> f64 {
        self.mean + self.std * normal_quantile(unit(stream, output))
    }

    fn scale(&self, param: &Param, pair: String) -> Result<Law, Refusal> {
        let square = self.std * self.std;
        let mean = exp(self.mean + 0.5 * square);
        let moments = Moments { mean, variance: mean * mean * crate::numerics::exp_m1(square) };
        let (law, layout) = (self.clone(), table(param)?);
        let cols = layout.cols();
        Ok(whole(Formula::preparing(layout, moments, move |stream| {
            let (law, scales) = (law.clone(), stream.named(&pair).lane(SCALES));
            Box::new(move |row, col| exp(law.log_scale(&scales, row * cols + col)))
        })))
    }

    fn direction(&self, param: &Param, pair: String) -> Result<Law, Refusal> {
        let Law::Each(dist) = law_of(&self.of, param)? else {
            return Err(Refusal::new(
                format!("`of` is `{}`, whose values depend on each other", self.of),
                "a law of independent values",
                "Use `glorot` or `he`.",
            ));
        };
        // E[e^(−s)] and E[e^(−2s)] of a normal s, times the moments of W.
        let square = self.std * self.std;
        let mean = dist.mean() * exp(0.5 * square - self.mean);
        let second = (dist.variance() + dist.mean() * dist.mean()) * exp(2.0 * (square - self.mean));
        let (law, layout) = (self.clone(), layout(param)?);
        let cols = layout.cols();
        Ok(whole(Formula::preparing(layout, Moments { mean, variance: second - mean * mean }, move |stream| {
            let (law, scales) = (law.clone(), stream.named(&pair).lane(SCALES));
            Box::new(move |row, col| {
                dist.quantile(unit(&stream, row * cols + col)) * exp(-law.log_scale(&scales, row))
            })
        })))
    }
}

impl Method for Rwf {
    const ABOUT: About = About {
        name: "rwf",
        formula: "W = diag(g) V, g = e^s, s ~ N(mean, std²) for each output; W by another method",
        source: Source { authors: "Wang, Wang, Seidman, Perdikaris", year: 2022, at: "Random weight factorization improves the training of continuous neural representations, arXiv:2210.01274", place: "the factorization; a mean of 1 (or ½) and a std of 0.1 are those of `jaxpi`" },
        when: "For networks of coordinates and physics-informed ones whose layers are kept as two factors.",
        spellings: &[
            Spelling::of("jaxpi", "weight_fact.g", "rwf(part=scale)", &[("mean", "mean"), ("stddev", "std")]),
            Spelling::of("jaxpi", "weight_fact.v", "rwf(of=\"jax:glorot_normal\")", &[("mean", "mean"), ("stddev", "std")]),
        ],
        cases: &[
            Case::std("rwf", &[128, 72], Axes::linear, 0.037_157_669_102_204_575, "√(2/200) · e^(0.01 − 1)"),
            Case::std("jaxpi:weight_fact.v(mean=0, stddev=0)", &[128, 72], Axes::linear, 0.1, "g = 1: as Glorot's rule"),
            Case::std("jaxpi:weight_fact.g", &[128], Axes::linear, 0.273_875_129_105_816_8, "e^1.005 · √(e^0.01 − 1)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.mean.abs() < 50.0, "mean", self.mean, "a number between −50 and 50")?;
        require((0.0..5.0).contains(&self.std), "std", self.std, "a number from 0 to 5")?;
        let pair = param.name.rsplit_once(['.', '/']).map_or("", |(pair, _)| pair).to_owned() + ".rwf";
        match self.part {
            Part::Scale => self.scale(param, pair),
            Part::Direction => self.direction(param, pair),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Region, Role};

    fn values(method: &Rwf, name: &str, shape: &[u64]) -> Vec<f64> {
        let param = Param::new(name, shape, Dtype::F32, Role::Weight, Axes::linear());
        let Law::Whole(law) = method.law(&param).unwrap() else { panic!("a structure") };
        let mut out = vec![0.0; shape.iter().product::<u64>() as usize];
        law.prepare(Stream::new(2, name)).fill(&Region::All, &mut out);
        out.into_iter().map(f64::from).collect()
    }

    #[test]
    fn the_product_has_the_law_of_the_method() {
        let (out, inputs) = (400u64, 200u64);
        let method = Rwf { std: 0.5, of: "glorot(draw=uniform)".to_owned(), ..Rwf::default() };
        let g = values(&Rwf { part: Part::Scale, ..method.clone() }, "layer.g", &[out]);
        let v = values(&method, "layer.v", &[out, inputs]);
        let bound = (6.0 / (out + inputs) as f64).sqrt();
        let product = |at: usize| v[at] * g[at / inputs as usize];
        let n = (out * inputs) as usize;
        let largest = (0..n).map(|at| product(at).abs()).fold(0.0, f64::max);
        // A bound that no product passes and one reaches shows that both factors read one s.
        assert!(largest <= bound * (1.0 + 1e-5) && largest > 0.999 * bound, "{largest} for {bound}");
        let square = (0..n).map(|at| product(at) * product(at)).sum::<f64>() / n as f64;
        let error = 4.5 * (bound * bound / 3.0) * (0.8 / n as f64).sqrt();
        assert!((square - bound * bound / 3.0).abs() < error, "{square}");
        assert!((square * 1.1025 - bound * bound / 3.0).abs() > error, "5 % are not found");
        // Another layer has other scales.
        assert_ne!(g, values(&Rwf { part: Part::Scale, ..method }, "other.g", &[out]));
    }
}
