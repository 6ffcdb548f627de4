//! Both factors of a low-rank adapter, orthogonal to each other.

use super::matrix::{dims, whole};
use super::prelude::*;
use crate::numerics::normal_quantile;
use crate::structure::{Formula, Layout, Moments, haar, unit};

/// The factors A and B of a low-rank adapter W + BA, neither of them zero, with B·A = 0.
///
/// A is r × inputs and B outputs × r. Both are random combinations of rows of one orthogonal r × r matrix, A of the even rows
/// and B of the odd ones, so that their product vanishes and the adapted model starts as it was, while both factors have
/// gradients. The matrix is keyed by what the names of A and B have in common: their name up to `lora`. r must be even.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoraOrthogonal {
    /// Which factor: `a`, `b`, or `auto` as the name says (`lora_A`, `lora_B`).
    pub factor: Factor,
    /// What the combinations are multiplied by.
    pub scale: f64,
}

/// A factor of a low-rank adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// As the name says.
    #[default]
    Auto,
    /// r × inputs.
    A,
    /// outputs × r.
    B,
}

impl Default for LoraOrthogonal {
    fn default() -> LoraOrthogonal {
        LoraOrthogonal { factor: Factor::Auto, scale: 0.1 }
    }
}

/// The name up to `lora`, which both factors share, and what stands behind it.
fn halves(name: &str) -> (&str, &str) {
    let at = name.to_ascii_lowercase().rfind("lora").unwrap_or(name.len());
    name.split_at(at)
}

impl LoraOrthogonal {
    fn factor(&self, param: &Param) -> Result<Factor, Refusal> {
        let rest = halves(&param.name).1.to_ascii_lowercase();
        let says = |word: &str| rest.starts_with(word);
        match self.factor {
            Factor::Auto if says("lora_a") || says("lora_down") => Ok(Factor::A),
            Factor::Auto if says("lora_b") || says("lora_up") => Ok(Factor::B),
            Factor::Auto => Err(Refusal::new(
                format!("`{}` does not say whether it is A or B", param.name),
                "a name with `lora_A` or `lora_B`",
                "Say it: `factor=a`.",
            )),
            known => Ok(known),
        }
    }
}

impl Method for LoraOrthogonal {
    const ABOUT: About = About {
        name: "lora_orthogonal",
        formula: "A = scale · Q_evenᵀ G, B = scale · H Q_odd, Q orthogonal r × r, G and H normal; var = scale²/2",
        source: Source { authors: "PEFT", year: 2025, at: "peft", place: "`init_lora_weights=\"orthogonal\"`" },
        when: "For both factors of low-rank adapters, where B shall not be zero.",
        spellings: &[Spelling::of("peft", "orthogonal", "lora_orthogonal", &[("factor", "factor")])
            .noting("rows are counted from 0 here: the even ones are A's")],
        cases: &[
            Case::std("lora_orthogonal(factor=a)", &[8, 64], Axes::linear, 0.07071067811865475, "√½/10"),
            Case::std("peft:orthogonal(factor=b)", &[64, 8], Axes::linear, 0.07071067811865475, "√½/10"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.scale.is_finite(), "scale", self.scale, "a finite number")?;
        let factor = self.factor(param)?;
        let [out, input, field] = dims(param)?;
        let of = |dims: &[usize]| dims.iter().map(|&d| param.shape[d]).product::<u64>();
        let rank = if factor == Factor::A { of(&out) } else { of(&input) * of(&field) };
        if !rank.is_multiple_of(2) || rank == 0 || rank > 1 << 14 {
            return Err(Refusal::new(
                format!("the rank is {rank}"),
                "an even number, 2 or more",
                "Change the rank, or use `lora_a` and `zeros`.",
            ));
        }
        // Rows are those of the adapter's width, columns its rank.
        let inputs = [input, field].concat();
        let layout = match factor {
            Factor::A => Layout::of(&param.shape, &inputs, &out)?,
            _ => Layout::of(&param.shape, &out, &inputs)?,
        };
        let (half, scale, first) = (rank / 2, self.scale, u64::from(factor == Factor::B));
        let pair = format!("{}[lora]", halves(&param.name).0);
        let moments = Moments { mean: 0.0, variance: 0.5 * scale * scale };
        Ok(whole(Formula::preparing(layout, moments, move |stream| {
            let q = haar(rank, rank, stream.named(&pair));
            Box::new(move |row, col| {
                let term = |k: u64| {
                    let z = normal_quantile(unit(&stream, row * half + k));
                    z * f64::from(q[((2 * k + first) * rank + col) as usize])
                };
                scale * (0..half).map(term).sum::<f64>()
            })
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::Axis;
    use crate::stream::Stream;
    use crate::{Dtype, Region, Role};

    fn values(name: &str, shape: &[u64]) -> Vec<f64> {
        let param = Param::new(name, shape, Dtype::F32, Role::Weight, Axes::of(&[Axis::Out, Axis::In]));
        let Law::Whole(law) = LoraOrthogonal::default().law(&param).unwrap() else { panic!("a structure") };
        let mut out = vec![0.0; shape.iter().product::<u64>() as usize];
        law.prepare(Stream::new(3, name)).fill(&Region::All, &mut out);
        out.into_iter().map(f64::from).collect()
    }

    #[test]
    fn the_product_of_the_factors_is_zero_and_neither_is() {
        let (rank, inputs, outputs) = (6usize, 40usize, 30usize);
        let a = values("layer.0.lora_A.weight", &[rank as u64, inputs as u64]);
        let b = values("layer.0.lora_B.weight", &[outputs as u64, rank as u64]);
        let product = |b: &[f64], o: usize, i: usize| (0..rank).map(|k| b[o * rank + k] * a[k * inputs + i]).sum::<f64>();
        let largest = |b: &[f64]| {
            (0..outputs * inputs).map(|at| product(b, at / inputs, at % inputs).abs()).fold(0.0, f64::max)
        };
        assert!(largest(&b) < 1e-7, "{}", largest(&b));
        let other = values("layer.1.lora_B.weight", &[outputs as u64, rank as u64]);
        assert!(largest(&other) > 1e-3, "another layer has another matrix");
        let power = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>() / v.len() as f64;
        // Sums of rank/2 normals each: 4.5 standard errors of some 100 independent values.
        assert!((power(&a) / 0.005 - 1.0).abs() < 0.6 && (power(&b) / 0.005 - 1.0).abs() < 0.6);
    }

    #[test]
    fn odd_ranks_and_nameless_factors_are_refused() {
        let law = |name: &str, shape: &[u64]| {
            LoraOrthogonal::default().law(&Param::new(name, shape, Dtype::F32, Role::Weight, Axes::linear()))
        };
        assert!(law("x.lora_A.weight", &[3, 8]).unwrap_err().to_string().contains("the rank is 3"));
        assert!(law("x.weight", &[4, 8]).unwrap_err().to_string().contains("factor=a"));
    }
}
