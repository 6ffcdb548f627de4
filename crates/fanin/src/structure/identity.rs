//! [`Identity`]: the layer that passes its inputs on.

use super::kernel::Kernel;
use crate::error::Refusal;
use crate::law::{Acts, Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;

/// `gain` where output and input have the same number (on the centre tap, for a convolution), 0 elsewhere.
///
/// The matrix may be rectangular: inputs without an output are dropped, outputs without an input are 0.
///
/// # Source
/// Q. Le, N. Jaitly, G. Hinton, "A simple way to initialize recurrent networks of rectified linear units",
/// arXiv:1504.00941, for recurrent weights.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) kernel: Kernel,
    gain: f64,
    shift: i64,
}

impl Identity {
    /// The identity of `kernel`, times `gain`.
    ///
    /// # Errors
    /// If the gain is not finite.
    pub fn new(kernel: Kernel, gain: f64) -> Result<Identity, Refusal> {
        super::finite("gain", gain)?;
        Ok(Identity { kernel, gain, shift: 0 })
    }

    /// The same matrix with its outputs moved on by `shift`, in a circle.
    #[must_use]
    pub fn shifted(self, shift: i64) -> Identity {
        Identity { shift, ..self }
    }

    fn ones(&self) -> u64 {
        if self.kernel.len() == 0 { 0 } else { self.kernel.outputs().min(self.kernel.inputs()) }
    }
}

impl Structure for Identity {
    fn variance(&self) -> f64 {
        self.kernel.variance_of(self.ones(), self.gain)
    }

    fn mean(&self) -> f64 {
        self.kernel.mean_of(self.ones(), self.gain)
    }

    fn acts(&self) -> Acts {
        Acts::Identity(self.gain)
    }

    fn prepare<'a>(&'a self, _: Stream) -> Box<dyn Prepared + 'a> {
        Box::new(PreparedIdentity(self))
    }
}

struct PreparedIdentity<'a>(&'a Identity);

impl Prepared for PreparedIdentity<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        let Identity { kernel, gain, shift } = self.0;
        let (gain, rows) = (*gain as f32, kernel.outputs().max(1));
        // How far an output is from the one whose place it has taken.
        let back = rows - shift.rem_euclid(rows as i64) as u64;
        kernel.layout.each(
            region,
            out,
            |row, col| {
                if kernel.input(col) == ((row + back) % rows, true) { gain } else { 0.0 }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Centre;
    use crate::structure::testing::{regions_agree, spread, whole};

    #[test]
    fn rectangles_and_kernels() {
        let eye = |kernel| whole(&Identity::new(kernel, 2.0).unwrap());
        assert_eq!(eye(Kernel::matrix(2, 3, false).unwrap()), [2., 0., 0., 0., 2., 0.]);
        assert_eq!(eye(Kernel::matrix(2, 3, true).unwrap()), [2., 0., 0., 2., 0., 0.]);
        let conv = |k, centre| eye(Kernel::new(&[2, 1, k], 0, 1, centre).unwrap());
        assert_eq!(conv(3, Centre::Lower), [0., 2., 0., 0., 0., 0.]);
        assert_eq!(conv(4, Centre::Lower), [0., 2., 0., 0., 0., 0., 0., 0.]);
        assert_eq!(conv(4, Centre::Upper), [0., 0., 2., 0., 0., 0., 0., 0.]);
        assert!(eye(Kernel::matrix(0, 3, false).unwrap()).is_empty());
    }

    #[test]
    fn outputs_move_in_a_circle() {
        let eye = |shift| whole(&Identity::new(Kernel::matrix(3, 2, false).unwrap(), 1.0).unwrap().shifted(shift));
        assert_eq!(eye(1), [0., 0., 1., 0., 0., 1.]);
        assert_eq!(eye(-1), [0., 1., 0., 0., 1., 0.]);
        assert_eq!(eye(3), eye(0));
    }

    #[test]
    fn variance_and_regions() {
        for kernel in [Kernel::matrix(5, 7, true).unwrap(), Kernel::new(&[3, 3, 4, 6], 3, 2, Centre::Lower).unwrap()] {
            let law = Identity::new(kernel, 1.5).unwrap();
            assert!((spread(&whole(&law)) / law.variance() - 1.0).abs() < 1e-12);
            regions_agree(&law);
        }
        assert_eq!(Identity::new(Kernel::matrix(0, 3, false).unwrap(), 1.0).unwrap().variance(), 0.0);
    }
}
