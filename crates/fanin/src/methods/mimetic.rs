//! Mimetic initialization of attention.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::numerics::normal_quantile;
use crate::stream::Stream;
use crate::structure::{Formula, Moments, Svd, unit};
use rayon::prelude::*;

/// Attention weights whose products look like those of trained vision transformers.
///
/// For each head the product of query and key projection is close to αZ + βI, so that tokens attend to those like themselves;
/// the product of value and output projection is close to αZ − βI. Both are factored by their singular values. Query and key
/// belong together, as value and output do: they share their random matrix, keyed by their names up to the last number (the
/// block) and `group`. In a fused weight the part says which it is. For vision transformers that start from scratch on small
/// data; trained language models show the opposite signs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mimetic {
    /// Which projection: `query`, `key`, `value`, `output`, or `auto` as the part of a fused weight says.
    pub part: Part,
    /// Number of heads. It must be given.
    pub heads: Option<u64>,
    /// Factor α of the random part; 0.7 for queries and keys, 0.4 for values and outputs if left out.
    pub alpha: Option<f64>,
    /// Factor β of the identity; as α if left out.
    pub beta: Option<f64>,
    /// A word that tells several attentions of one block apart.
    pub group: String,
}

/// A projection of attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// As the part says.
    #[default]
    Auto,
    /// Of queries.
    Query,
    /// Of keys.
    Key,
    /// Of values.
    Value,
    /// Of what attention puts out.
    Output,
}

impl Default for Mimetic {
    fn default() -> Mimetic {
        Mimetic { part: Part::Auto, heads: None, alpha: None, beta: None, group: String::new() }
    }
}

/// Widths whose singular values are computed in seconds.
const WIDEST: u64 = 384;

/// The name up to its last number.
pub(super) fn block(name: &str) -> &str {
    let mut end = name.len();
    for (at, word) in name.split(['.', '/']).map(|word| (word.as_ptr() as usize - name.as_ptr() as usize, word)) {
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
            end = at + word.len();
        }
    }
    &name[..end]
}

/// Mean of the largest `share` of the singular values of αZ + βI, Z of independent N(0, 1/d), as d grows.
///
/// Their squares x have the density Im w/(π α²), w the complex root of x w³ − x w² − (β² − α²) w + β² = 0: the equation of
/// Dozier and Silverstein 2007 for information plus noise, where all information has one singular value, and w is 1 + α² times
/// the Stieltjes transform.
fn mean_of_largest(alpha: f64, beta: f64, share: f64) -> f64 {
    const STEPS: u32 = 4000;
    let density = |s: f64| {
        let x = s * s;
        let cubic = |w: f64| ((x * w - x) * w - (beta * beta - alpha * alpha)) * w + beta * beta;
        // The one real root is negative where two others are complex.
        let (mut low, mut high) = (-1.0, 0.0);
        while cubic(low) > 0.0 && low > -1e9 {
            low *= 2.0;
        }
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if cubic(middle) > 0.0 { high = middle } else { low = middle }
        }
        let r = f64::midpoint(low, high);
        // x w³ − x w² + … = x (w − r)(w² + b w + c).
        let (b, c) = (r - 1.0, (r - 1.0) * r - (beta * beta - alpha * alpha) / x);
        2.0 * s * (c - 0.25 * b * b).max(0.0).sqrt() / (std::f64::consts::PI * alpha * alpha)
    };
    let end = 2.0 * alpha + beta;
    let (mut mass, mut sum) = (0.0, 0.0);
    for step in (0..STEPS).rev() {
        let s = end * (f64::from(step) + 0.5) / f64::from(STEPS);
        let piece = (density(s) * end / f64::from(STEPS)).min(share - mass);
        mass += piece;
        sum += piece * s;
    }
    if mass > 0.0 { sum / mass } else { beta }
}

impl Mimetic {
    fn part(&self, param: &Param) -> Result<Part, Refusal> {
        match (self.part, param.place.part.rsplit('.').next()) {
            (Part::Auto, Some("q")) => Ok(Part::Query),
            (Part::Auto, Some("k")) => Ok(Part::Key),
            (Part::Auto, Some("v")) => Ok(Part::Value),
            (Part::Auto, _) => Err(Refusal::new(
                "which projection this is, is not known",
                "a fused weight of q, k and v, or `part`",
                "Say it: `part=query`.",
            )),
            (known, _) => Ok(known),
        }
    }
}

/// The singular values and vectors of αZ + sign·βI, with Z from `stream`.
fn factored(width: u64, alpha: f64, beta: f64, stream: Stream) -> Svd {
    let scale = alpha / (width as f64).sqrt();
    let element = |at: u64| {
        let z = scale * normal_quantile(unit(&stream, at));
        if at / width == at % width { z + beta } else { z }
    };
    let matrix: Vec<f64> = (0..width * width).map(element).collect();
    Svd::new(&matrix, width as usize)
}

impl Method for Mimetic {
    const ABOUT: About = About {
        name: "mimetic",
        formula: "W_Q W_Kᵀ ≈ 0.7 Z + 0.7 I for each head, W_V W_O ≈ 0.4 Z − 0.4 I; Z ~ N(0, 1/d)",
        source: Source { authors: "Trockman, Kolter", year: 2023, at: "Mimetic initialization of self-attention layers, ICML 2023, arXiv:2305.09828", place: "the method; the variance of an element is that of wide layers" },
        when: "For the attention of vision transformers trained from scratch on small data.",
        spellings: &[Spelling::same("trockman_kolter", "mimetic")],
        cases: &[
            Case::std("mimetic(part=query, heads=2)", &[16, 16], Axes::linear, 0.28160158978084715, "the larger half of the singular values, by the same integral in Python"),
            Case::std("mimetic(part=value, heads=2)", &[16, 16], Axes::linear, 0.17677674659632298, "all singular values"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let part = self.part(param)?;
        let heads = given(self.heads, "heads", "the number of heads")? as u64;
        let layout = layout(param)?;
        let (outputs, inputs) = (layout.rows(), layout.cols());
        let pairs = matches!(part, Part::Query | Part::Key);
        // A value projection has as many outputs as inputs, an output projection the other way round.
        let head = if pairs { outputs / heads } else { outputs };
        let fits = if pairs { outputs.is_multiple_of(heads) && head <= inputs } else { outputs == inputs };
        if !fits || inputs == 0 || inputs > WIDEST {
            return Err(Refusal::new(
                format!("{outputs} outputs of {heads} heads for {inputs} inputs"),
                format!("heads that divide the outputs, square values and outputs, and a width of at most {WIDEST}"),
                "Check the heads; for wider layers use `orthogonal(blocks=…)`, which treats heads apart, too.",
            ));
        }
        let usual = if pairs { 0.7 } else { 0.4 };
        let alpha = self.alpha.unwrap_or(usual);
        let beta = self.beta.unwrap_or(alpha);
        require(alpha > 0.0 && alpha.is_finite(), "alpha", alpha, "a positive number")?;
        require(beta >= 0.0 && beta.is_finite(), "beta", beta, "a finite number, 0 or more")?;
        let share = head as f64 / inputs as f64;
        let moments = Moments { mean: 0.0, variance: mean_of_largest(alpha, beta, share) / inputs as f64 };
        let pair = format!("{}[{} {}]", block(&param.name), self.group, if pairs { "qk" } else { "vo" });
        let (count, sign) = if pairs { (heads, 1.0) } else { (1, -1.0) };
        Ok(whole(Formula::preparing(layout, moments, move |stream| {
            let stream = stream.named(&pair);
            let of = |h: u64| factored(inputs, alpha, sign * beta, stream.part(&format!("[{h}]")));
            let factors: Vec<Svd> = (0..count).into_par_iter().map(of).collect();
            Box::new(move |row, col| match part {
                Part::Query => factors[(row / head) as usize].left(col as usize, (row % head) as usize),
                Part::Key => factors[(row / head) as usize].right(col as usize, (row % head) as usize),
                Part::Value => factors[0].left(col as usize, row as usize),
                _ => factors[0].right(row as usize, col as usize),
            })
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Region, Role};

    fn values(call: &Mimetic, name: &str, shape: [u64; 2]) -> (Vec<f64>, f64) {
        let param = Param::new(name, &shape, Dtype::F32, Role::Weight, Axes::linear());
        let Law::Whole(law) = call.law(&param).unwrap() else { panic!("a structure") };
        let mut out = vec![0.0; (shape[0] * shape[1]) as usize];
        law.prepare(Stream::new(3, name)).fill(&Region::All, &mut out);
        (out.into_iter().map(f64::from).collect(), law.variance())
    }

    fn part(part: Part) -> Mimetic {
        Mimetic { part, heads: Some(2), ..Mimetic::default() }
    }

    #[test]
    fn products_are_near_the_identity_and_its_negative() {
        let d = 48;
        let of = |p: Part, name: &str| values(&part(p), name, [d as u64; 2]).0;
        let (q, k) = (of(Part::Query, "blocks.0.attn.q_proj.weight"), of(Part::Key, "blocks.0.attn.k_proj.weight"));
        let (v, o) = (of(Part::Value, "blocks.0.attn.v_proj.weight"), of(Part::Output, "blocks.0.attn.proj.weight"));
        // Tokens that score themselves: the trace of W_Qᵀ W_K of a head, against that of a random pair.
        let trace = |q: &[f64], k: &[f64]| (0..24).map(|h| (0..d).map(|i| q[h * d + i] * k[h * d + i]).sum::<f64>()).sum::<f64>();
        assert!(trace(&q, &k) > 10.0, "{}", trace(&q, &k));
        let product = |i: usize, j: usize| (0..d).map(|m| v[m * d + i] * o[j * d + m]).sum::<f64>();
        let diagonal = (0..d).map(|i| product(i, i)).sum::<f64>() / d as f64;
        assert!((diagonal + 0.4).abs() < 0.05, "{diagonal}");
        // All of V·O is αZ − βI: its off-diagonal elements have the variance α²/d.
        let off: f64 = (0..d).flat_map(|i| (0..d).map(move |j| (i, j))).filter(|(i, j)| i != j).map(|(i, j)| product(i, j).powi(2)).sum();
        let found = off / (d * (d - 1)) as f64 / (0.16 / d as f64) - 1.0;
        assert!(found.abs() < 4.5 * (2.0 / (d * d) as f64).sqrt(), "{found}");
        let other = of(Part::Output, "blocks.1.attn.proj.weight");
        assert_ne!(o, other, "blocks have their own matrices");
    }

    #[test]
    fn the_variance_is_that_of_wide_layers() {
        for p in [Part::Query, Part::Value] {
            let (w, variance) = values(&part(p), "blocks.3.attn.weight", [96, 96]);
            let power = w.iter().map(|x| x * x).sum::<f64>() / w.len() as f64;
            assert!((power / variance - 1.0).abs() < 0.03, "{p:?}: {power} {variance}");
        }
    }

    #[test]
    fn blocks_are_names_up_to_the_last_number() {
        assert_eq!(block("blocks.0.attn.qkv.weight"), "blocks.0");
        assert_eq!(block("encoder.layer.11.attention.output.dense.weight"), "encoder.layer.11");
        assert_eq!(block("attn.weight"), "attn.weight");
        assert!(part(Part::Auto).law(&Param::new("w", &[4, 4], Dtype::F32, Role::Weight, Axes::linear())).is_err());
    }
}
