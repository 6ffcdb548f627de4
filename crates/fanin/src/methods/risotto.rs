//! Residual blocks of rectifiers that keep every length.

use super::matrix::{Tap, kernel, whole};
use super::mimetic::block;
use super::prelude::*;
use crate::law::Acts;
use crate::stream::Stream;
use crate::structure::{Formula, Kernel, Moments, haar};
use rayon::prelude::*;

/// Weights of a residual block of two layers with which the whole block, skip connection included, is an isometry.
///
/// As in `mirrored`, units come in pairs that see z and −z, so that rectifiers take nothing away; and branch and skip connection
/// together are one orthogonal matrix M, not each of them. Both carry signal from the start, other than in Fixup or `SkipInit`, whose
/// branches start at zero. The layers of a block belong together: they share their random matrices, keyed by their names up to the
/// last number (or by `block`). Everything between the first layer of the network (`mirrored(part=first)`) and the last
/// (`mirrored(part=head)`) must keep the pairs, biases must be zero and normalizations start as the identity.
///
/// `skip` says which block it is: `after` for relu(x + F(x)) and an identity; `before` for x + F(relu(x)); `projection` where a
/// weight lies in the skip connection, which gets `part=skip`. F is W₂·relu(W₁·x), times `branch` if the network has such a factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Risotto {
    /// Which weight of the block: `first` and `last` of the branch, or that of the `skip` connection.
    pub part: Part,
    /// What the block adds its branch to: `after`, `before` or `projection`.
    pub skip: Skip,
    /// Factor of the branch in the network's own computation.
    pub branch: f64,
    /// Name of the block, if it is not what the names of its weights have in common up to their last number.
    pub block: String,
}

/// A weight of a residual block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The first of the branch.
    #[default]
    First,
    /// The last of the branch.
    Last,
    /// That of the skip connection.
    Skip,
}

/// Where the rectifier stands, and what the skip connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// An identity, and the rectifier after the sum.
    #[default]
    After,
    /// An identity, and the rectifier before the branch.
    Before,
    /// A weight of its own.
    Projection,
}

impl Default for Risotto {
    fn default() -> Risotto {
        Risotto { part: Part::First, skip: Skip::After, branch: 1.0, block: String::new() }
    }
}

/// Pairs of the widest layer: products of such matrices take a second.
const WIDEST: u64 = 1024;
/// Words for a skip connection within its block.
const SKIPS: [&str; 4] = ["downsample", "shortcut", "skip", "residual"];

/// A matrix of pairs, row by row.
struct Matrix {
    cols: usize,
    values: Vec<f64>,
}

impl Matrix {
    fn haar(rows: u64, cols: u64, stream: Stream) -> Matrix {
        Matrix { cols: cols as usize, values: haar(rows, cols, stream).into_iter().map(f64::from).collect() }
    }

    fn at(&self, row: usize, col: usize) -> f64 {
        self.values[row * self.cols + col]
    }

    fn transposed(&self) -> Matrix {
        let rows = self.values.len() / self.cols;
        let values = (0..self.values.len()).map(|at| self.at(at % rows, at / rows)).collect();
        Matrix { cols: rows, values }
    }

    /// This less the identity.
    fn less_one(mut self) -> Matrix {
        for i in 0..self.cols {
            self.values[i * self.cols + i] -= 1.0;
        }
        self
    }

    /// This times the transpose of another.
    fn times_transposed(&self, other: &Matrix) -> Matrix {
        let rows = self.values.par_chunks_exact(self.cols);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let row = |row| other.values.chunks_exact(other.cols).map(|col| dot(row, col)).collect::<Vec<f64>>();
        let values: Vec<f64> = rows.map(row).collect::<Vec<_>>().concat();
        Matrix { cols: other.values.len() / other.cols, values }
    }
}

/// Pairs that a weight writes and reads.
#[derive(Clone, Copy)]
struct Pairs {
    out: u64,
    inputs: u64,
}

impl Risotto {
    /// What the weights of one block have in common in their names.
    fn shared(&self, param: &Param) -> String {
        let within = |name: &str| name.split('.').take_while(|word| !SKIPS.contains(word)).collect::<Vec<_>>().join(".");
        let block = match &self.block[..] {
            "" if self.part == Part::Skip => block(&within(&param.name)).to_owned(),
            "" => block(&param.name).to_owned(),
            given => given.to_owned(),
        };
        block + "[risotto]"
    }

    /// Mean and variance of an element of the matrix of all pairs; taps beside the centre not counted.
    fn moments(&self, pairs: Pairs, middle: u64) -> Moments {
        let (out, inputs) = (pairs.out as f64, pairs.inputs as f64);
        let rank = pairs.out.min(pairs.inputs) as f64;
        let orthogonal = rank / (out * inputs);
        let branch = self.branch * self.branch;
        match (self.part, self.skip) {
            (Part::First, Skip::After) => diagonal(0.0, 1.0, out),
            (Part::Last, Skip::After) => diagonal(1.0 / branch / out, -1.0 / self.branch, out),
            (Part::First, _) | (Part::Last, Skip::Projection) => Moments { mean: 0.0, variance: orthogonal },
            (Part::Last, Skip::Before) => Moments { mean: 0.0, variance: 2.0 * orthogonal / branch },
            (Part::Skip, _) => {
                let (first, last) = (pairs.inputs.min(middle) as f64, pairs.out.min(middle) as f64);
                let product = branch * first * last / middle as f64;
                Moments { mean: 0.0, variance: orthogonal + product / (out * inputs) }
            }
        }
    }

    /// The matrix of the pairs' differences, for the weights that are one; `middle` are the pairs between the two layers.
    fn matrix(&self, pairs: Pairs, middle: u64, stream: Stream) -> Matrix {
        let of = |label: &str, rows: u64, cols: u64| Matrix::haar(rows, cols, stream.part(label));
        let mut found = match (self.part, self.skip) {
            (Part::First, _) => return of("[first]", pairs.out, pairs.inputs),
            (Part::Last, Skip::After) => of("[whole]", pairs.out, pairs.out),
            (Part::Last, Skip::Projection) => return of("[last]", pairs.out, pairs.inputs),
            // 1 + branch·V·U is orthogonal: V = (M − 1)·Uᵀ where U keeps what it reads, and Uᵀ·(M − 1) where it narrows.
            (Part::Last, Skip::Before) => {
                let first = of("[first]", pairs.inputs, pairs.out);
                let rank = pairs.out.min(pairs.inputs);
                let turn = of("[whole]", rank, rank).less_one();
                if pairs.inputs >= pairs.out {
                    turn.times_transposed(&first)
                } else {
                    first.transposed().times_transposed(&turn.transposed())
                }
            }
            (Part::Skip, _) => {
                let mut sum = of("[whole]", pairs.out, pairs.inputs);
                let first = of("[first]", middle, pairs.inputs);
                let product = of("[last]", pairs.out, middle).times_transposed(&first.transposed());
                for (sum, product) in sum.values.iter_mut().zip(&product.values) {
                    *sum -= self.branch * product;
                }
                return sum;
            }
        };
        for value in &mut found.values {
            *value /= self.branch;
        }
        found
    }

    /// The pairs of a weight, where its block can have such a one.
    fn pairs(&self, kernel: &Kernel) -> Result<Pairs, Refusal> {
        let (out, inputs) = (kernel.outputs(), kernel.inputs());
        let even = out.is_multiple_of(2) && inputs.is_multiple_of(2) && out.min(inputs) > 0;
        let square = self.skip != Skip::After || out == inputs;
        if even && square && out.max(inputs) <= 2 * WIDEST && (self.part != Part::Skip || self.skip == Skip::Projection) {
            return Ok(Pairs { out: out / 2, inputs: inputs / 2 });
        }
        Err(Refusal::new(
            format!("{out} outputs of {inputs} inputs as the {:?} weight of a block with skip={:?}", self.part, self.skip).to_lowercase(),
            format!("even numbers up to {}, equal ones for `skip=after`; `part=skip` with `skip=projection` only", 2 * WIDEST),
            "Use `fixup`, or `mirrored` where there is no skip connection.",
        ))
    }

    fn structure(&self, kernel: &Kernel, pairs: Pairs, middle: u64, shared: String) -> Formula {
        let taps = kernel.taps() as f64;
        let on_centre = self.moments(pairs, middle);
        let square = (on_centre.variance + on_centre.mean * on_centre.mean) / taps;
        let mean = on_centre.mean / taps;
        let (method, fixed, centred) = (self.clone(), self.skip == Skip::After, kernel.clone());
        let eye = fixed && self.part == Part::First;
        let corner = if fixed && self.part == Part::Last { -1.0 / self.branch } else { 0.0 };
        let moments = Moments { mean, variance: square - mean * mean };
        let together = Formula::preparing(kernel.layout().clone(), moments, move |stream| {
            let matrix = (!eye).then(|| method.matrix(pairs, middle, stream.named(&shared)));
            let kernel = centred.clone();
            Box::new(move |row, col| {
                let (input, true) = kernel.input(col) else { return 0.0 };
                let same = if row == input { 1.0 } else { 0.0 };
                let Some(matrix) = &matrix else { return same };
                let sign = if (row < pairs.out) == (input < pairs.inputs) { 1.0 } else { -1.0 };
                sign * matrix.at((row % pairs.out) as usize, (input % pairs.inputs) as usize) + corner * same
            })
        });
        together.acting(Acts::Together)
    }
}

/// The moments of a matrix of `pairs` mirrored rows whose elements have a variance, with a number added to its diagonal.
fn diagonal(variance: f64, number: f64, pairs: f64) -> Moments {
    let mean = 0.5 * number / pairs;
    Moments { mean, variance: variance + 0.5 * number * number / pairs - mean * mean }
}

impl Method for Risotto {
    const ABOUT: About = About {
        name: "risotto",
        formula: "looks-linear weights with skip + branch · W₂ W₁ = M orthogonal: W₂ = (M − 1) W₁ᵀ/branch, or W_skip = M − branch · W₂ W₁; after: W₁ = 1, W₂ = ([M, −M; −M, M] − 1)/branch",
        source: Source { authors: "Gadhikar, Burkholz", year: 2022, at: "Dynamical isometry for residual networks, arXiv:2210.02411", place: "its condition, an isometry of the whole block; the factors that meet it here are ours" },
        when: "For residual networks of ReLU whose normalization is missing or starts as the identity.",
        spellings: &[],
        cases: &[
            Case::std("risotto(skip=before)", &[64, 64], Axes::linear, 0.176_776_695_296_636_9, "an orthogonal matrix of 32 pairs: 1/√32"),
            Case::std("risotto(part=last, skip=before)", &[64, 64], Axes::linear, 0.25, "(M − 1)·Uᵀ: √(2/32)"),
            Case::std("risotto(part=skip, skip=projection)", &[128, 64], Axes::linear, 0.176_776_695_296_636_9, "√((32 + 32)/2048): M less the branch, both of rank 32"),
            Case::std("risotto(part=last)", &[64, 64, 3, 3], conv, 0.07214789845548662, "√((1/32 + 1/64)/9 − (1/64)²/81)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.branch.is_finite() && self.branch != 0.0, "branch", self.branch, "a number other than 0")?;
        let kernel = kernel(param, Tap::Upper.into())?;
        let pairs = self.pairs(&kernel)?;
        // The branch of a block with a projection is as wide as what it writes.
        Ok(whole(self.structure(&kernel, pairs, pairs.out, self.shared(param))))
    }
}

fn conv() -> Axes {
    Axes::conv(2, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Region};

    fn values(call: &str, name: &str, shape: &[u64]) -> Vec<f64> {
        let axes = if shape.len() == 2 { Axes::linear() } else { Axes::conv(shape.len() - 2, 1) };
        let Law::Whole(law) = law_of(call, &Param::new(name, shape, Dtype::F32, crate::Role::Weight, axes)).unwrap() else {
            panic!("a structure")
        };
        let mut out = vec![f32::NAN; shape.iter().product::<u64>() as usize];
        law.prepare(Stream::new(2, name)).fill(&Region::All, &mut out);
        out.into_iter().map(f64::from).collect()
    }

    fn apply(w: &[f64], x: &[f64]) -> Vec<f64> {
        w.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
    }

    fn relu(x: &[f64]) -> Vec<f64> {
        x.iter().map(|x| x.max(0.0)).collect()
    }

    /// A signal in opposite pairs.
    fn paired(n: u64) -> Vec<f64> {
        let half: Vec<f64> = (0..n / 2).map(|i| ((i * 7 + 3) % 11) as f64 - 4.7).collect();
        half.iter().copied().chain(half.iter().map(|x| -x)).collect()
    }

    fn norm(x: &[f64]) -> f64 {
        x.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    /// How far a block is from keeping lengths and pairs; x is what stands before the rectifier.
    fn defect(skip: &str, widths: [u64; 3], branch: f64) -> f64 {
        let [inputs, middle, out] = widths;
        let call = |part: &str| format!("risotto(part={part}, skip={skip}, branch={branch})");
        let first = values(&call("first"), "layer1.0.conv1.weight", &[middle, inputs]);
        let last = values(&call("last"), "layer1.0.conv2.weight", &[out, middle]);
        let x = paired(inputs);
        let read = relu(&x);
        let kept = match skip {
            "before" => x.clone(),
            "after" => read.clone(),
            _ => apply(&values(&call("skip"), "layer1.0.downsample.0.weight", &[out, inputs]), &read),
        };
        let added = apply(&last, &relu(&apply(&first, &read)));
        let y: Vec<f64> = kept.iter().zip(&added).map(|(kept, added)| kept + branch * added).collect();
        let half = y.len() / 2;
        let pairs = (0..half).map(|i| (y[i] + y[i + half]).abs()).fold(0.0, f64::max);
        pairs.max((norm(&y) / norm(&x) - 1.0).abs())
    }

    #[test]
    fn blocks_are_isometries() {
        for (skip, widths) in [
            ("before", [24, 24, 24]),
            ("before", [24, 40, 24]),
            ("before", [40, 16, 40]),
            ("after", [24, 24, 24]),
            ("projection", [16, 40, 40]),
            ("projection", [24, 24, 24]),
        ] {
            for branch in [1.0, 0.3] {
                let found = defect(skip, widths, branch);
                assert!(found < 1e-5, "{skip} {widths:?} {branch}: {found:e}");
            }
        }
        // A branch that is 5 % too strong is seen.
        let strong = values("risotto(part=last, skip=before, branch=0.95)", "a.0.w", &[24, 24]);
        let right = values("risotto(part=last, skip=before)", "a.0.w", &[24, 24]);
        assert!((norm(&strong) / norm(&right) - 1.0 / 0.95).abs() < 1e-6);
    }

    #[test]
    fn branch_and_skip_are_of_one_size() {
        let x = paired(64);
        let first = values("risotto(skip=before)", "b.3.w1", &[64, 64]);
        let last = values("risotto(part=last, skip=before)", "b.3.w2", &[64, 64]);
        let share = norm(&apply(&last, &relu(&apply(&first, &relu(&x))))) / norm(&x);
        // √2 on average: ‖(M − 1)x‖² = 2‖x‖² − 2xᵀMx, whose spread is 2/√32 of it.
        assert!((share * share / 2.0 - 1.0).abs() < 4.0 / 32f64.sqrt(), "{share}");
        assert_ne!(first, values("risotto(skip=before)", "b.4.w1", &[64, 64]), "blocks have matrices of their own");
    }

    #[test]
    fn the_variance_is_that_of_the_sample() {
        for (call, shape) in [
            ("risotto(part=last, skip=before, branch=0.5)", vec![128, 160]),
            ("risotto(part=last, skip=before)", vec![160, 64, 3, 3]),
            ("risotto(part=skip, skip=projection)", vec![160, 64, 1, 1]),
            ("risotto(part=last)", vec![128, 128, 3]),
            ("risotto", vec![64, 64, 3, 3]),
        ] {
            let found = values(call, "m.7.weight", &shape);
            let n = found.len() as f64;
            let mean = found.iter().sum::<f64>() / n;
            let spread = found.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
            let axes = if shape.len() == 2 { Axes::linear() } else { Axes::conv(shape.len() - 2, 1) };
            let param = Param::new("m.7.weight", &shape, Dtype::F32, crate::Role::Weight, axes);
            let law = law_of(call, &param).unwrap();
            // Only traces of random rotations differ, by order 1 of some 64.
            assert!((spread / law.variance() - 1.0).abs() < 0.045, "{call}: {spread} {}", law.variance());
            assert!((mean - law.mean()).abs() < 4.0 * (spread / n).sqrt() + 1e-12, "{call}: {mean}");
        }
    }

    #[test]
    fn what_has_no_isometry_is_refused() {
        let refused = |call: &str, shape: &[u64; 2]| {
            law_of(call, &Param::new("w", shape, Dtype::F32, crate::Role::Weight, Axes::linear())).is_err()
        };
        assert!(refused("risotto", &[64, 32]) && refused("risotto(skip=before)", &[63, 64]));
        assert!(refused("risotto(part=skip)", &[64, 64]) && refused("risotto(branch=0)", &[64, 64]));
        assert!(refused("risotto(skip=before)", &[4096, 64]) && !refused("risotto(skip=before)", &[64, 32]));
    }
}
