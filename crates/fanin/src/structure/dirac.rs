//! [`Dirac`]: the grouped convolution that passes its channels on.

use super::kernel::Kernel;
use crate::error::Refusal;
use crate::law::{Acts, Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;

/// 1 on the centre tap where output and input have the same number *within their group*, 0 elsewhere, as
/// `torch.nn.init.dirac_`.
///
/// With a [`Kernel`] whose centre is [`super::Centre::Upper`] the values are those of PyTorch for even fields, too.
///
/// # Errors
/// [`Dirac::new`] refuses groups that do not divide the outputs.
#[derive(Clone, Debug)]
pub struct Dirac {
    pub(super) kernel: Kernel,
    groups: u64,
}

impl Dirac {
    /// The Dirac kernel of a convolution with `groups` groups; `kernel.inputs()` are those of one group.
    pub fn new(kernel: Kernel, groups: u64) -> Result<Dirac, Refusal> {
        if groups == 0 || !kernel.outputs().is_multiple_of(groups) {
            return Err(Refusal::new(
                format!("{} outputs in {groups} groups", kernel.outputs()),
                "a number of groups that divides the outputs",
                "Give the number of groups of the convolution.",
            ));
        }
        Ok(Dirac { kernel, groups })
    }

    fn ones(&self) -> u64 {
        let each = (self.kernel.outputs() / self.groups).min(self.kernel.inputs());
        if self.kernel.len() == 0 { 0 } else { each * self.groups }
    }
}

impl Structure for Dirac {
    fn variance(&self) -> f64 {
        self.kernel.variance_of(self.ones(), 1.0)
    }

    fn mean(&self) -> f64 {
        self.kernel.mean_of(self.ones(), 1.0)
    }

    fn acts(&self) -> Acts {
        Acts::Identity(1.0)
    }

    fn prepare<'a>(&'a self, _: Stream) -> Box<dyn Prepared + 'a> {
        Box::new(PreparedDirac(self))
    }
}

struct PreparedDirac<'a>(&'a Dirac);

impl Prepared for PreparedDirac<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        let Dirac { kernel, groups } = self.0;
        let outputs = kernel.outputs() / groups;
        kernel.layout.each(region, out, |row, col| f32::from(u8::from(kernel.input(col) == (row % outputs, true))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Centre;
    use crate::structure::testing::{regions_agree, spread, whole};

    /// `torch.nn.init.dirac_`, as its documentation states it.
    fn torch(out: usize, inputs: usize, k: usize, groups: usize) -> Vec<f32> {
        let mut w = vec![0.0; out * inputs * k];
        let each = out / groups;
        for g in 0..groups {
            for d in 0..each.min(inputs) {
                w[((g * each + d) * inputs + d) * k + k / 2] = 1.0;
            }
        }
        w
    }

    #[test]
    fn it_is_torch_dirac() {
        for (out, inputs, k, groups) in [(6, 3, 3, 2), (4, 8, 4, 1), (8, 2, 5, 4), (3, 1, 2, 3), (0, 2, 3, 1)] {
            let shape = [out, inputs, k].map(|d: usize| d as u64);
            let law = Dirac::new(Kernel::new(&shape, 0, 1, Centre::Upper).unwrap(), groups as u64).unwrap();
            let values = whole(&law);
            assert_eq!(values, torch(out, inputs, k, groups));
            assert!((spread(&values) - law.variance()).abs() < 1e-12);
            regions_agree(&law);
        }
    }

    #[test]
    fn groups_that_do_not_divide_are_refused() {
        for groups in [0, 4, 7] {
            let kernel = Kernel::new(&[6, 3, 3], 0, 1, Centre::Upper).unwrap();
            assert!(Dirac::new(kernel, groups).is_err(), "{groups}");
        }
    }
}
