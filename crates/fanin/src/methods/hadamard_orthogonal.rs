//! Orthogonal matrices from signs.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::structure::{Formula, Moments};
use rayon::prelude::*;

/// An orthogonal matrix made of three Hadamard matrices and random signs: H D₁ H D₂ H D₃ / n^(3/2).
///
/// It costs n² log n operations where a random orthogonal matrix costs n³, and looks random enough for every use of one. The
/// longer side must be a power of two; of the shorter one the first rows or columns are taken, which stay orthonormal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HadamardOrthogonal {
    /// Factor: all singular values.
    pub gain: f64,
}

impl Default for HadamardOrthogonal {
    fn default() -> HadamardOrthogonal {
        HadamardOrthogonal { gain: 1.0 }
    }
}

/// Elements that are held at once.
const MOST: u64 = 1 << 30;

/// The Walsh–Hadamard transform of a line whose length is a power of two, unscaled.
fn transform(line: &mut [f32]) {
    let mut half = 1;
    while half < line.len() {
        for block in line.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

impl Method for HadamardOrthogonal {
    const ABOUT: About = About {
        name: "hadamard_orthogonal",
        formula: "W = gain · H D₁ H D₂ H D₃ / n^(3/2), D random signs, n = max(rows, columns) = 2^k",
        source: Source { authors: "Yu, Suresh, Choromanski, Holtmann-Rice, Kumar", year: 2016, at: "Orthogonal random features, NIPS 2016", place: "structured orthogonal features; as an initialization it is ours" },
        when: "For orthogonal layers that are too large for `orthogonal`.",
        spellings: &[Spelling::same("structured_orthogonal", "hadamard_orthogonal")],
        cases: &[
            Case::std("hadamard_orthogonal", &[64, 20], Axes::linear, 0.125, "1/√64"),
            Case::std("structured_orthogonal(gain=2)", &[10, 16], Axes::linear, 0.5, "2/√16"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain.is_finite(), "gain", self.gain, "a finite number")?;
        let layout = layout(param)?;
        let (rows, cols) = (layout.rows(), layout.cols());
        let n = rows.max(cols);
        if !n.is_power_of_two() || rows * cols > MOST {
            return Err(Refusal::new(
                format!("the matrix is {rows} × {cols}"),
                format!("a longer side that is a power of two, and at most {MOST} elements"),
                "Use `orthogonal`.",
            ));
        }
        let gain = self.gain / (n as f64 * n as f64 * n as f64).sqrt();
        let moments = Moments { mean: 0.0, variance: self.gain * self.gain / n as f64 };
        Ok(whole(Formula::preparing(layout, moments, move |stream| {
            let signs: Vec<Vec<f32>> = (0..3u8)
                .map(|d| (0..n).map(|i| if stream.lane(d).word(i) >> 31 == 0 { 1.0 } else { -1.0 }).collect())
                .collect();
            // Row i of H D₁ H D₂ H D₃, from the unit vector on.
            let line = |i: u64| {
                let mut line = vec![0.0f32; n as usize];
                line[i as usize] = 1.0;
                for signs in &signs {
                    transform(&mut line);
                    for (x, sign) in line.iter_mut().zip(signs) {
                        *x *= sign;
                    }
                }
                line.truncate(cols as usize);
                line
            };
            let lines: Vec<Vec<f32>> = (0..rows).into_par_iter().map(line).collect();
            Box::new(move |row, col| gain * f64::from(lines[row as usize][col as usize]))
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Region, Role, Stream};

    #[test]
    fn the_shorter_side_is_orthonormal() {
        for shape in [[32u64, 11], [11, 32], [16, 16], [1, 1]] {
            let param = Param::new("w", &shape, Dtype::F32, Role::Weight, Axes::linear());
            let Law::Whole(law) = HadamardOrthogonal { gain: 3.0 }.law(&param).unwrap() else { panic!("a structure") };
            let [rows, cols] = shape.map(|d| d as usize);
            let mut w = vec![0.0; rows * cols];
            law.prepare(Stream::new(2, "w")).fill(&Region::All, &mut w);
            let at = |i: usize, k: usize| f64::from(if rows >= cols { w[i * cols + k] } else { w[k * cols + i] });
            for a in 0..rows.min(cols) {
                for b in 0..=a {
                    let dot: f64 = (0..rows.max(cols)).map(|i| at(i, a) * at(i, b)).sum();
                    assert!((dot - if a == b { 9.0 } else { 0.0 }).abs() < 1e-5, "{shape:?} {a} {b}: {dot}");
                }
            }
        }
        let odd = Param::new("w", &[12, 5], Dtype::F32, Role::Weight, Axes::linear());
        assert!(HadamardOrthogonal::default().law(&odd).is_err());
    }
}
