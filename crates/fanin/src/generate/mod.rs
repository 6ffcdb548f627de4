//! From a decision to bytes: any region, any number of threads, the same bits.

mod same;
mod taken;
mod tied;

use crate::call::Call;
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::kernel;
use crate::law::{Dist, Law, Prepared};
use crate::param::{Param, Part};
use crate::plan::{Action, Adjust, Decision, Laws, Origin, Plan};
use crate::region::Region;
use crate::stream::Stream;
use crate::tied::Form;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};
pub use taken::{Taking, taken};
use tied::{Columns, Held};

/// Elements that one task fills: large enough to hide its cost, small enough for the first-level caches and for many
/// threads.
const CHUNK: u64 = 1 << 16;
/// The same for tensors with a structure, which uses all threads for a task and does some work anew for each.
const STRUCTURE_CHUNK: u64 = 1 << 22;

/// Everything that is needed to fill any region of one parameter: laws, streams, and what structures share.
///
/// Making one does the work that all regions of a structure share; filling is then independent, and may be called from
/// many threads.
pub struct Filler<'a> {
    values: Values<'a>,
    shape: &'a [u64],
    dtype: Dtype,
    size: usize,
    adjust: Option<&'a Adjust>,
}

enum Values<'a> {
    /// Of laws, part by part.
    Parts(Vec<(&'a Part, Made<'a>)>),
    /// Those of another parameter, transposed.
    Columns(Columns<'a>),
    /// Made already.
    Held(Held),
}

enum Made<'a> {
    Each(Dist, Stream),
    Whole(Box<dyn Prepared + 'a>),
}

impl std::fmt::Debug for Filler<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filler({:?}, {})", self.shape, self.dtype)
    }
}

impl<'a> Filler<'a> {
    /// Prepares the values of `laws` under `seed`, keyed by `key`, for elements of `dtype`.
    ///
    /// A part's stream is keyed by `key[label]`, so that a fused tensor's parts draw what separate tensors of those names
    /// would.
    ///
    /// # Errors
    /// If values cannot be drawn into `dtype`.
    pub fn new(laws: &'a Laws, seed: u64, key: &str, dtype: Dtype) -> Result<Filler<'a>, Refusal> {
        laws.storable(dtype).map_err(|refusal| refusal.of(key, "fill"))?;
        let size = dtype.size().unwrap_or(1);
        let made = |(part, law): &'a (Part, Law)| {
            let stream = Stream::new(seed, &part.key(key));
            let made = match law {
                Law::Each(dist) => Made::Each(*dist, stream),
                Law::Whole(structure) => Made::Whole(structure.prepare(stream)),
            };
            (part, made)
        };
        let values = Values::Parts(laws.parts.iter().map(made).collect());
        Ok(Filler { values, shape: &laws.shape, dtype, size, adjust: None })
    }

    /// The same values with `adjust` done to them.
    ///
    /// # Errors
    /// If the adjustment does not fit the parameter's shape.
    pub fn adjusted(self, adjust: &'a Adjust) -> Result<Filler<'a>, Refusal> {
        adjust.fits(self.shape)?;
        if !self.dtype.is_float() && !adjust.is_identity() {
            let wrong = format!("an adjustment of elements of {}", self.dtype);
            return Err(Refusal::new(wrong, "a floating-point type", "Leave this parameter out of the calibration."));
        }
        Ok(Filler { adjust: (!adjust.is_identity()).then_some(adjust), ..self })
    }

    /// Prepares the values of a decision under `seed`, adjusted: its own, or those that follow from what it is tied to.
    ///
    /// # Errors
    /// If values cannot be drawn into its element type, or cannot follow from what it is tied to.
    pub fn of(origin: &'a Origin, seed: u64) -> Result<Filler<'a>, Refusal> {
        let (decision, drawn) = (origin.decision, origin.drawn);
        let values = match origin.form {
            Form::Equal => {
                let filler = Filler::new(&origin.laws, seed, &drawn.key, decision.dtype)?;
                return filler.adjusted(&drawn.adjust);
            }
            Form::Transposed => Values::Columns(Columns::new(origin, seed)?),
            Form::Lengths => Values::Held(Held::lengths(origin, seed)?),
        };
        let size = sized(decision.dtype, &decision.param.name)?;
        Ok(Filler { values, shape: &decision.param.shape, dtype: decision.dtype, size, adjust: None })
    }

    /// Writes the elements of `region` in row-major order, on all threads of the current pool.
    ///
    /// # Errors
    /// If the region does not fit the parameter's shape, or `out` the region.
    pub fn fill(&self, region: &Region, out: &mut [u8]) -> Result<(), Refusal> {
        self.fits(region, out.len())?;
        let mut tasks = Vec::new();
        let mut rest = out;
        for range in self.chunks(region)? {
            let (now, later) = rest.split_at_mut((range.end - range.start) as usize * self.size);
            tasks.push((range, now));
            rest = later;
        }
        if self.is_whole() {
            return tasks.into_par_iter().try_for_each(|(range, out)| self.fill_flat(range.start, out));
        }
        self.fill_beside(tasks)
    }

    /// Fills chunk after chunk on this thread, while others of the pool take from the same list as soon as they are awake.
    ///
    /// Waking one costs as much as half a chunk: to hand all over and wait, as a parallel iterator does outside the pool,
    /// would cost that before the first value is made.
    fn fill_beside(&self, tasks: Vec<(Range<u64>, &mut [u8])>) -> Result<(), Refusal> {
        let others = rayon::current_num_threads().min(tasks.len()).saturating_sub(1);
        let left = Mutex::new(tasks.into_iter());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some((range, out)) = next() {
                self.fill_flat(range.start, out)?;
            }
            Ok(())
        };
        if others == 0 {
            return work();
        }
        let refused = OnceLock::new();
        let first = rayon::in_place_scope(|scope| {
            for _ in 0..others {
                scope.spawn(|_| drop(work().map_err(|refusal| refused.set(refusal))));
            }
            work()
        });
        first.and(refused.into_inner().map_or(Ok(()), Err))
    }

    /// Refuses a buffer that is not as large as the region.
    fn fits(&self, region: &Region, bytes: usize) -> Result<(), Refusal> {
        let wanted = region.len(self.shape).checked_mul(self.size as u64);
        if wanted == Some(bytes as u64) {
            return Ok(());
        }
        Err(Refusal::new(
            format!("the buffer has {bytes} bytes for {} elements of {}", region.len(self.shape), self.dtype),
            wanted.map_or_else(|| "fewer elements".to_owned(), |wanted| format!("{wanted} bytes")),
            "Give a buffer of that size.",
        ))
    }

    /// The flat ranges of a region that are filled as one task each, in order.
    fn chunks(&self, region: &Region) -> Result<Vec<Range<u64>>, Refusal> {
        let chunk = if self.is_whole() { STRUCTURE_CHUNK } else { CHUNK };
        let mut chunks = Vec::new();
        for run in region.runs(self.shape)? {
            let mut start = run.start;
            while start < run.end {
                let end = run.end.min((start / chunk + 1) * chunk);
                chunks.push(start..end);
                start = end;
            }
        }
        Ok(chunks)
    }

    fn is_whole(&self) -> bool {
        match &self.values {
            Values::Parts(parts) => {
                let mixed = self.adjust.is_some_and(|adjust| adjust.mix.is_some());
                mixed || parts.iter().any(|(_, made)| matches!(made, Made::Whole(_)))
            }
            Values::Columns(_) | Values::Held(_) => true,
        }
    }

    /// Writes the elements from flat index `start` on, as many as fit into `out`, on this thread (a structure may use more).
    ///
    /// # Errors
    /// If the range leaves the tensor.
    pub fn fill_flat(&self, start: u64, out: &mut [u8]) -> Result<(), Refusal> {
        let count = (out.len() / self.size) as u64;
        let total: u64 = self.shape.iter().product();
        if start.checked_add(count).is_none_or(|end| end > total) {
            let wrong = format!("elements {start} to {start} + {count} of {total}");
            return Err(Refusal::new(wrong, "a range inside the tensor", "Check the shard's range."));
        }
        match (&self.values, self.adjust) {
            (Values::Columns(columns), _) => columns.fill(start, out),
            (Values::Held(held), _) => {
                held.copy(start, out);
                Ok(())
            }
            (Values::Parts(parts), None) => draw(parts, start..start + count, self.dtype, out),
            (Values::Parts(parts), Some(adjust)) => self.draw_adjusted(parts, adjust, start..start + count, out),
        }
    }

    /// Adjusted values are drawn in binary32 (or binary64), combined in binary64, and rounded at the end.
    fn draw_adjusted(
        &self,
        parts: &[(&Part, Made)],
        adjust: &Adjust,
        range: Range<u64>,
        out: &mut [u8],
    ) -> Result<(), Refusal> {
        let needed = adjust.needs(self.shape, range.clone());
        let drawn = self.numbers(parts, needed.clone())?;
        if self.dtype == Dtype::F64 {
            let mut rest = out.chunks_exact_mut(8);
            adjust.apply(self.shape, &drawn, needed.start, range, |value| {
                if let Some(out) = rest.next() {
                    out.copy_from_slice(&value.to_le_bytes());
                }
            });
            return Ok(());
        }
        let mut values = Vec::with_capacity((range.end - range.start) as usize);
        adjust.apply(self.shape, &drawn, needed.start, range, |value| values.push(value as f32));
        kernel::round_into(&values, self.dtype, out)
    }

    fn numbers(&self, parts: &[(&Part, Made)], range: Range<u64>) -> Result<Vec<f64>, Refusal> {
        let dtype = if self.dtype == Dtype::F64 { Dtype::F64 } else { Dtype::F32 };
        let size = dtype.size().unwrap_or(1);
        let mut bytes = vec![0; (range.end - range.start) as usize * size];
        draw(parts, range, dtype, &mut bytes)?;
        let number = |bytes: &[u8]| match *bytes {
            [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => f64::NAN,
        };
        Ok(bytes.chunks_exact(size).map(number).collect())
    }
}

/// All values that a call gives a parameter, as numbers.
fn draw_all(param: &Param, call: &Call, seed: u64, key: &str, dtype: Dtype) -> Result<Vec<f64>, Refusal> {
    let laws = Laws::of(param, call)?;
    let filler = Filler::new(&laws, seed, key, dtype)?;
    let size = dtype.size().unwrap_or(1);
    let mut bytes = vec![0; param.count()? as usize * size];
    filler.fill(&Region::All, &mut bytes)?;
    Ok(bytes.chunks_exact(size).map(|element| dtype.number(element).unwrap_or(f64::NAN)).collect())
}

/// The values of the laws themselves, in `dtype`.
fn draw(parts: &[(&Part, Made)], range: Range<u64>, dtype: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    let size = dtype.size().unwrap_or(1);
    for (part, made) in parts {
        let mut failed = None;
        part.runs(range.clone(), &mut |stored, logical, len| {
            let from = (stored - range.start) as usize * size;
            let out = &mut out[from..from + len as usize * size];
            if let Err(refusal) = fill_run(made, logical..logical + len, dtype, out) {
                failed = Some(refusal);
            }
        });
        if let Some(refusal) = failed {
            return Err(refusal);
        }
    }
    Ok(())
}

fn fill_run(made: &Made, range: Range<u64>, dtype: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    let (real, width) = dtype.component().map_or((dtype, 1), |real| (real, 2));
    let values = match made {
        Made::Each(dist, stream) if dtype.is_float() => return kernel::fill(dist, stream, range.start, dtype, out),
        Made::Each(dist, _) => {
            // Only constants are stored as integers or complex numbers; the imaginary part of one is 0.
            let value = dist.constant().unwrap_or(f64::NAN) as f32;
            let element = [value, 0.0];
            element[..width].repeat((range.end - range.start) as usize)
        }
        Made::Whole(prepared) => {
            let range = range.start * width as u64..range.end * width as u64;
            let mut values = vec![0f32; (range.end - range.start) as usize];
            prepared.fill(&Region::Flat(range), &mut values);
            values
        }
    };
    if real.is_float() { kernel::round_into(&values, real, out) } else { kernel::integers_into(&values, real, out) }
}

/// Bytes of an element that values can be drawn into.
fn sized(dtype: Dtype, name: &str) -> Result<usize, Refusal> {
    dtype.size().filter(|_| dtype.is_float()).ok_or_else(|| {
        let remedy = "Leave it as it is in the file.";
        Refusal::new(format!("its elements are {dtype}"), "a floating-point type", remedy).of(name, "fill")
    })
}

/// The values of one decision in `region`, as bytes: a pure function.
///
/// Where many regions of one parameter are wanted, [`Filler`] does the shared work of structures once.
///
/// # Errors
/// If the parameter is kept or tied (it has no values of its own; see [`fill_of`]), its method refuses, or the region does
/// not fit.
///
/// # Example: a shard has the bits of the whole
/// ```
/// use fanin::{Axes, Dtype, Param, Recipe, Region, Role, generate, plan};
/// let params = [Param::new("w", &[8, 4], Dtype::F32, Role::Weight, Axes::linear())];
/// let plan = plan::plan(&params, &Recipe::named("he")?, &plan::Options::default())?;
/// let (mut whole, mut rows) = (vec![0; 8 * 4 * 4], vec![0; 2 * 4 * 4]);
/// generate::fill(&plan.decisions[0], plan.seed, &Region::All, &mut whole)?;
/// generate::fill(&plan.decisions[0], plan.seed, &Region::boxed(&[3..5, 0..4]), &mut rows)?;
/// assert_eq!(rows, whole[3 * 16..5 * 16]);
/// # Ok::<(), fanin::Error>(())
/// ```
pub fn fill(decision: &Decision, seed: u64, region: &Region, out: &mut [u8]) -> Result<(), Refusal> {
    let Some(laws) = decision.laws()? else {
        let (wrong, remedy) = match &decision.action {
            Action::Tie(tied) => (format!("it is {} `{}`", tied.form, tied.to), "Fill it from its plan: `fill_of`."),
            Action::Take(take) => {
                (format!("it is taken from {}", take.file), "Open that file, and fill it from there: `taken`.")
            }
            _ => ("it is kept as it is".to_owned(), "Read its values from the file."),
        };
        return Err(Refusal::new(wrong, "a decision that draws values", remedy).of(&decision.param.name, "fill"));
    };
    Filler::new(&laws, seed, &decision.key, decision.dtype)?.adjusted(&decision.adjust)?.fill(region, out)
}

/// The values of one of a plan's decisions in `region`, as bytes: its own, or those of the parameter it is tied to.
///
/// # Errors
/// As [`fill`], but for ties; if what it is tied to is not drawn.
pub fn fill_of(plan: &Plan, decision: &Decision, region: &Region, out: &mut [u8]) -> Result<(), Refusal> {
    match plan.origins().of(decision)? {
        Some(origin) => Filler::of(&origin, plan.seed)?.fill(region, out),
        None => fill(decision, plan.seed, region, out),
    }
}
