//! Whether bytes are the values of a decision: made again, chunk by chunk, and compared while they are in the caches.

use super::Filler;
use crate::error::Refusal;
use crate::region::Region;
use rayon::prelude::*;

impl Filler<'_> {
    /// Whether `bytes` are the elements of `region` in row-major order, to the last bit; on all threads of the current pool.
    ///
    /// No more than a chunk a thread is held beside them, and what differs early is found early.
    ///
    /// # Errors
    /// As [`fill`](Filler::fill).
    ///
    /// # Example
    /// ```
    /// use fanin::{Axes, Dtype, Param, Recipe, Region, Role, generate, plan};
    /// let params = [Param::new("w", &[8, 4], Dtype::F32, Role::Weight, Axes::linear())];
    /// let plan = plan::plan(&params, &Recipe::named("he")?, &plan::Options::default())?;
    /// let laws = plan.decisions[0].laws()?.expect("it is drawn");
    /// let filler = generate::Filler::new(&laws, plan.seed, "w", Dtype::F32)?;
    /// let mut bytes = vec![0; 8 * 4 * 4];
    /// filler.fill(&Region::All, &mut bytes)?;
    /// assert!(filler.is_same(&Region::All, &bytes)?);
    /// bytes[100] ^= 1;
    /// assert!(!filler.is_same(&Region::All, &bytes)?);
    /// # Ok::<(), fanin::Error>(())
    /// ```
    pub fn is_same(&self, region: &Region, bytes: &[u8]) -> Result<bool, Refusal> {
        self.fits(region, bytes.len())?;
        let mut rest = bytes;
        let mut tasks = Vec::new();
        for range in self.chunks(region)? {
            let (now, later) = rest.split_at((range.end - range.start) as usize * self.size);
            tasks.push((range.start, now));
            rest = later;
        }
        let other = tasks.into_par_iter().map_init(Vec::new, |made, (start, held)| {
            made.resize(held.len(), 0);
            self.fill_flat(start, made).map(|()| made.as_slice() == held)
        });
        let differs = other.find_any(|same| !matches!(same, Ok(true)));
        differs.unwrap_or(Ok(true))
    }
}

#[cfg(test)]
mod tests {
    use crate::generate::Filler;
    use crate::{Axes, Dtype, Param, Recipe, Region, Role, plan};

    /// Every bit counts, wherever it is, in whole tensors and in regions whose runs are shorter than a chunk.
    #[test]
    fn one_bit_is_seen_anywhere() -> Result<(), crate::Error> {
        for (call, dtype) in [("he", Dtype::F32), ("orthogonal", Dtype::F32), ("he", Dtype::Bf16)] {
            let params = [Param::new("w", &[400, 300], dtype, Role::Weight, Axes::linear())];
            let plan =
                plan::plan(&params, &Recipe::named(call).or_else(|_| Recipe::named("he"))?, &plan::Options::default())?;
            let laws = plan.decisions[0]
                .laws()?
                .ok_or_else(|| crate::Error::from(crate::error::Refusal::new("no laws", "laws", "")))?;
            let filler = Filler::new(&laws, plan.seed, "w", dtype)?;
            for region in [Region::All, Region::Flat(17..100_000), Region::boxed(&[3..390, 10..20])] {
                let mut bytes = vec![0; region.len(&[400, 300]) as usize * dtype.size().unwrap_or(1)];
                filler.fill(&region, &mut bytes)?;
                assert!(filler.is_same(&region, &bytes)?);
                for at in [0, bytes.len() / 3, bytes.len() - 1] {
                    bytes[at] ^= 1;
                    assert!(!filler.is_same(&region, &bytes)?, "{call} {dtype} {at}");
                    bytes[at] ^= 1;
                }
            }
            assert!(filler.is_same(&Region::All, &[0; 4]).is_err());
        }
        Ok(())
    }
}
