//! How different inputs look to a network: cosines between samples, and how many directions a batch spans.

use crate::element::Float;
use crate::gemm::{View, multiply};
use crate::tensor::{Data, Tensor};
use fanin::spectrum;

/// More samples are not compared: the costs grow with their square.
const MOST_SAMPLES: usize = 64;

/// Mean cosine between the rows of two samples, over all pairs; the first dimension counts samples. `None` if there are
/// fewer than two samples that are not zero, or elements are not finite.
///
/// # Formula
/// (‖Σᵢ xᵢ/‖xᵢ‖‖² − n) / (n(n − 1)), n samples.
///
/// # Source
/// Poole et al. 2016, arXiv:1606.05340, §3: c*, where it stops changing from layer to layer.
pub fn cosine(tensor: &Tensor) -> Option<f64> {
    let (gram, n) = gram(tensor)?;
    let own: Vec<usize> = (0..n).filter(|&i| gram[i * n + i] > 0.0).collect();
    let (mut sum, mut pairs) = (0.0, 0u64);
    for (k, &i) in own.iter().enumerate() {
        for &j in &own[..k] {
            sum += gram[i * n + j] / (gram[i * n + i] * gram[j * n + j]).sqrt();
            pairs += 1;
        }
    }
    (pairs > 0).then(|| (sum / pairs as f64).clamp(-1.0, 1.0))
}

/// The effective rank of a batch's rows, as a share of the possible: min(samples, elements of a sample). `None` as for
/// [`cosine`].
pub fn effective_rank(tensor: &Tensor) -> Option<f64> {
    let (gram, n) = gram(tensor)?;
    let possible = n.min(tensor.len() / tensor.shape()[0]);
    let values = spectrum::eigenvalues(gram, n);
    // What rounding of the products leaves behind is no direction.
    let floor = values.first().map_or(0.0, |largest| largest * 1e-7 * (n as f64).sqrt());
    let singular: Vec<f64> = values.into_iter().map(|v| if v > floor { v.sqrt() } else { 0.0 }).collect();
    (possible > 1).then(|| spectrum::effective_rank(&singular) / possible as f64)
}

/// Products of all pairs of samples; `None` with fewer than two, or where they are not finite.
fn gram(tensor: &Tensor) -> Option<(Vec<f64>, usize)> {
    fn run<T: Float>(values: &[T], n: usize, width: usize) -> Vec<f64> {
        let x = View::new(&values[..n * width], n, width);
        let mut gram = vec![T::ZERO; n * n];
        multiply(T::ONE, x, x.transposed(), T::ZERO, &mut gram);
        gram.into_iter().map(T::to_f64).collect()
    }
    let &samples = tensor.shape().first()?;
    let (n, width) = (samples.min(MOST_SAMPLES), tensor.len().checked_div(samples)?);
    if n < 2 || width == 0 {
        return None;
    }
    // A scale of about 1, so that squares stay inside the range of the type.
    let scale = super::Moments::of(tensor).second.sqrt();
    if !scale.is_finite() || scale == 0.0 {
        return None;
    }
    let gram = match tensor.data() {
        Data::F32(values) => {
            let scaled: Vec<f32> = values[..n * width].iter().map(|&x| (f64::from(x) / scale) as f32).collect();
            run(&scaled, n, width)
        }
        Data::F64(values) => {
            let scaled: Vec<f64> = values[..n * width].iter().map(|&x| x / scale).collect();
            run(&scaled, n, width)
        }
        _ => return None,
    };
    gram.iter().all(|x| x.is_finite()).then_some((gram, n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::normal;

    #[test]
    fn cosines_of_known_rows() {
        let x = Tensor::of(&[3, 2], vec![1.0f32, 0.0, 0.0, 2.0, 3.0, 3.0]);
        let half = std::f64::consts::FRAC_1_SQRT_2;
        assert!((cosine(&x).unwrap() - 2.0 * half / 3.0).abs() < 1e-6);
        let same = Tensor::of(&[3, 1, 2], vec![1.0f32, 2.0, 2.0, 4.0, 0.5, 1.0]);
        assert!((cosine(&same).unwrap() - 1.0).abs() < 1e-6);
        assert_eq!(cosine(&Tensor::of(&[1, 2], vec![1.0f32, 2.0])), None);
        assert_eq!(cosine(&Tensor::of(&[2, 2], vec![1.0f32, 2.0, f32::NAN, 1.0])), None);
        // As small or as large as the type allows.
        for scale in [1e-30f32, 1e30] {
            let far = Tensor::of(&[2, 2], vec![scale, 0.0, scale, scale]);
            assert!((cosine(&far).unwrap() - half).abs() < 1e-6, "{scale}");
        }
    }

    #[test]
    fn ranks_of_known_batches() {
        let repeated = Tensor::of(&[4, 3], [1.0f32, 2.0, 3.0].repeat(4));
        assert!((effective_rank(&repeated).unwrap() - 1.0 / 3.0).abs() < 0.01);
        let orthogonal = Tensor::of(&[2, 2], vec![1.0f32, 0.0, 0.0, -1.0]);
        assert!((effective_rank(&orthogonal).unwrap() - 1.0).abs() < 1e-6);
        let random = effective_rank(&normal(&[32, 512], 1, "x")).unwrap();
        assert!(random > 0.95, "{random}");
    }
}
