//! Unitary matrices.

use super::formula::{Formula, Moments, unit};
use super::layout::Layout;
use crate::error::Refusal;
use crate::numerics::normal_quantile;
use crate::stream::Stream;
use rayon::prelude::*;

/// A complex number.
type Complex = [f64; 2];

/// Elements of the largest matrix: it is made as a whole, for every region.
const LARGEST: u64 = 1 << 24;

/// A random unitary matrix (or a part of one, if it is not square), times a gain: Haar's law, from the Gram–Schmidt
/// orthonormalization of complex normal vectors.
///
/// `layout` has the outputs as rows, and as columns the inputs with real and imaginary part one after the other.
///
/// # Errors
/// If the matrix is too large to be made as a whole.
pub(crate) fn unitary(layout: Layout, gain: f64) -> Result<Formula, Refusal> {
    let (rows, cols) = (layout.rows(), layout.cols() / 2);
    let elements = rows.checked_mul(cols).filter(|elements| *elements <= LARGEST);
    if elements.is_none() {
        return Err(Refusal::new(
            format!("a unitary matrix of {rows} outputs and {cols} inputs"),
            format!("at most {LARGEST} elements"),
            "Use `complex` for larger ones, whose vectors are nearly orthogonal by themselves.",
        ));
    }
    let long = rows.max(cols);
    let moments = Moments { mean: 0.0, variance: gain * gain / long.max(1) as f64 };
    let formula = Formula::preparing(layout, moments, move |stream| {
        let vectors = orthonormal(rows.min(cols) as usize, long as usize, &stream);
        Box::new(move |row, col| {
            let (input, part) = (col / 2, (col % 2) as usize);
            let (vector, at) = if rows <= cols { (row, input) } else { (input, row) };
            gain * vectors[vector as usize][at as usize][part]
        })
    });
    Ok(formula.of_complex())
}

/// Orthonormal vectors of complex numbers. Each is taken out of all later ones as soon as it has its length, which loses less
/// than taking all earlier ones out of one.
fn orthonormal(count: usize, length: usize, stream: &Stream) -> Vec<Vec<Complex>> {
    let draw = |at: usize| normal_quantile(unit(stream, at as u64));
    let vector = |k: usize| -> Vec<Complex> {
        (0..length).map(|i| [0, 1].map(|part| draw(2 * (k * length + i) + part))).collect()
    };
    let mut vectors: Vec<Vec<Complex>> = (0..count).into_par_iter().map(vector).collect();
    for k in 0..count {
        let (done, later) = vectors.split_at_mut(k + 1);
        let own = &mut done[k];
        let norm = own.iter().map(|z| z[0] * z[0] + z[1] * z[1]).sum::<f64>().sqrt();
        for z in own.iter_mut() {
            *z = [z[0] / norm, z[1] / norm];
        }
        later.par_iter_mut().for_each(|other| take_out(own, other));
    }
    vectors
}

/// Takes the part along `unit` out of `other`.
fn take_out(unit: &[Complex], other: &mut [Complex]) {
    let (mut re, mut im) = (0.0, 0.0);
    for (a, b) in unit.iter().zip(&*other) {
        re += a[0] * b[0] + a[1] * b[1];
        im += a[0] * b[1] - a[1] * b[0];
    }
    for (a, b) in unit.iter().zip(other) {
        b[0] -= re * a[0] - im * a[1];
        b[1] -= re * a[1] + im * a[0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::testing::{regions_agree, whole};

    fn matrix(rows: u64, cols: u64, gain: f64) -> (Formula, Vec<Complex>) {
        let law = unitary(Layout::matrix(rows, 2 * cols, false).unwrap(), gain).unwrap();
        let values = whole(&law);
        (law, values.chunks_exact(2).map(|z| [f64::from(z[0]), f64::from(z[1])]).collect())
    }

    #[test]
    fn rows_or_columns_are_orthonormal() {
        for (rows, cols) in [(6, 6), (4, 9), (9, 4), (1, 5), (5, 1)] {
            let (law, w) = matrix(rows, cols, 1.0);
            let (short, at): (u64, Box<dyn Fn(u64, u64) -> Complex>) = if rows <= cols {
                (rows, Box::new(|k, i| w[(k * cols + i) as usize]))
            } else {
                (cols, Box::new(|k, i| w[(i * cols + k) as usize]))
            };
            for (a, b) in (0..short).flat_map(|a| (0..short).map(move |b| (a, b))) {
                let (mut re, mut im) = (0.0, 0.0);
                for i in 0..rows.max(cols) {
                    let (x, y) = (at(a, i), at(b, i));
                    re += x[0] * y[0] + x[1] * y[1];
                    im += x[0] * y[1] - x[1] * y[0];
                }
                let expected = f64::from(u8::from(a == b));
                assert!((re - expected).abs() < 1e-6 && im.abs() < 1e-6, "{rows} × {cols}: {a}, {b}: {re} + {im}i");
            }
            regions_agree(&law);
        }
    }

    #[test]
    fn an_element_has_the_moments_of_haars_law() {
        // E|w|² = 1/n and E|w|⁴ = 2/(n(n + 1)); both parts alike, and no phase preferred.
        let (n, count) = (8u64, 400u64);
        let (mut second, mut fourth, mut real, mut phase) = (0.0, 0.0, 0.0, 0.0);
        for k in 0..count {
            let law = unitary(Layout::matrix(n, 2 * n, false).unwrap(), 1.0).unwrap();
            let mut out = vec![0.0; (2 * n * n) as usize];
            crate::law::Structure::prepare(&law, Stream::new(k, "w")).fill(&crate::Region::All, &mut out);
            // The corner alone: other elements are not independent of it.
            let z = [f64::from(out[0]), f64::from(out[1])];
            let square = z[0] * z[0] + z[1] * z[1];
            second += square / count as f64;
            fourth += square * square / count as f64;
            real += z[0] * z[0] / count as f64;
            phase += z[0] / square.sqrt() / count as f64;
        }
        let n = n as f64;
        let (two, four) = (1.0 / n, 2.0 / (n * (n + 1.0)));
        let error = 4.5 * ((four - two * two) / count as f64).sqrt();
        assert!((second - two).abs() < error && (real - 0.5 * two).abs() < error, "{second} {real}");
        assert!((fourth / four - 1.0).abs() < 0.7, "{fourth}");
        assert!(phase.abs() < 4.5 * (0.5 / count as f64).sqrt(), "{phase}");
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let refused = unitary(Layout::matrix(1 << 13, 1 << 13, false).unwrap(), 1.0).unwrap_err();
        assert!(refused.to_string().contains("`complex`"), "{refused}");
    }
}
