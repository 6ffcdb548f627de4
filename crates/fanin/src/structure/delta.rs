//! [`DeltaOrthogonal`]: convolutions that are orthogonal maps of their channels.

use super::kernel::Kernel;
use super::layout::Layout;
use super::orthogonal::Orthogonal;
use crate::error::Refusal;
use crate::law::{Acts, Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;

/// A convolution kernel that is 0 but on its centre tap, where it is a Haar-distributed matrix with orthonormal columns.
///
/// Such a layer is an isometry of the channels at every place, so signals cross thousands of layers unchanged in norm
/// (with circular padding and stride 1 exactly).
///
/// # Formula
/// `W[o, i, tap] = gain·Q[o, i]` on the centre tap. The variance over all elements is `gain²/(outputs·taps)`.
///
/// # Source
/// L. Xiao, Y. Bahri, J. Sohl-Dickstein, S. Schoenholz, J. Pennington, "Dynamical isometry and a mean field theory of
/// CNNs", ICML 2018, arXiv:1806.05393. The tap is `(k − 1)/2` there; [`super::Centre`] chooses.
#[derive(Clone, Debug)]
pub struct DeltaOrthogonal {
    pub(super) kernel: Kernel,
    matrix: Orthogonal,
}

impl DeltaOrthogonal {
    /// The delta-orthogonal kernel, times `gain`.
    ///
    /// # Errors
    /// If there are fewer outputs than inputs: the columns of the centre cannot be orthonormal then.
    pub fn new(kernel: Kernel, gain: f64) -> Result<DeltaOrthogonal, Refusal> {
        if kernel.outputs() < kernel.inputs() {
            return Err(Refusal::new(
                format!("{} outputs for {} inputs", kernel.outputs(), kernel.inputs()),
                "at least as many outputs as inputs",
                "Use `orthogonal` for this layer: no kernel keeps all signals of more channels than it puts out.",
            ));
        }
        let matrix = Orthogonal::new(Layout::matrix(kernel.outputs(), kernel.inputs(), false)?, gain)?;
        Ok(DeltaOrthogonal { kernel, matrix })
    }
}

impl Structure for DeltaOrthogonal {
    fn variance(&self) -> f64 {
        if self.kernel.len() == 0 { 0.0 } else { self.matrix.variance() / self.kernel.taps() as f64 }
    }

    fn acts(&self) -> Acts {
        Acts::Centre
    }

    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a> {
        Box::new(PreparedDelta { kernel: &self.kernel, centre: self.matrix.whole(stream) })
    }
}

struct PreparedDelta<'a> {
    kernel: &'a Kernel,
    centre: Vec<f32>,
}

impl Prepared for PreparedDelta<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        let inputs = self.kernel.inputs();
        self.kernel.layout.each(region, out, |row, col| match self.kernel.input(col) {
            (input, true) => self.centre[(row * inputs + input) as usize],
            _ => 0.0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Centre;
    use crate::structure::testing::{defect, regions_agree, whole};

    #[test]
    fn the_centre_is_orthonormal_and_the_rest_is_zero() {
        for (k, centre, tap) in
            [(3, Centre::Lower, 1), (4, Centre::Lower, 1), (4, Centre::Upper, 2), (1, Centre::Upper, 0)]
        {
            let law = DeltaOrthogonal::new(Kernel::new(&[9, 5, k], 0, 1, centre).unwrap(), 2.0).unwrap();
            let values = whole(&law);
            let (on, off): (Vec<_>, Vec<_>) = values.iter().enumerate().partition(|(at, _)| at % k as usize == tap);
            assert!(off.iter().all(|(_, v)| **v == 0.0));
            let centre: Vec<f32> = on.iter().map(|(_, v)| *v / 2.0).collect();
            assert!(defect(&centre, 9, 5) < 1e-6);
            let mean = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len() as f64;
            assert!((mean / law.variance() - 1.0).abs() < 1e-6);
            regions_agree(&law);
        }
    }

    #[test]
    fn both_storage_orders_hold_the_same_kernel() {
        let torch =
            whole(&DeltaOrthogonal::new(Kernel::new(&[6, 4, 3, 3], 0, 1, Centre::Lower).unwrap(), 1.0).unwrap());
        let keras =
            whole(&DeltaOrthogonal::new(Kernel::new(&[3, 3, 4, 6], 3, 2, Centre::Lower).unwrap(), 1.0).unwrap());
        for (at, value) in torch.iter().enumerate() {
            let (tap, i, o) = (at % 9, at / 9 % 4, at / 36);
            assert_eq!(*value, keras[(tap * 4 + i) * 6 + o]);
        }
    }

    #[test]
    fn contracting_kernels_are_refused() {
        let refusal = DeltaOrthogonal::new(Kernel::new(&[3, 5, 3], 0, 1, Centre::Lower).unwrap(), 1.0).unwrap_err();
        assert!(refusal.to_string().contains("3 outputs for 5 inputs"), "{refusal}");
    }
}
