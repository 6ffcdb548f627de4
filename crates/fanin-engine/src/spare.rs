//! Memory that is used again.
//!
//! A training step makes and drops tensors of the same sizes over and over; fresh pages from the system cost as much as the
//! arithmetic on them. What a run releases is kept here, up to a limit, and given to the next tensor of about its size.

use crate::element::Element;
use crate::tensor::{Data, Tensor};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smaller tensors are the allocator's business.
const SMALLEST: usize = 16 * 1024;
/// Bytes that are kept at most.
const MOST: usize = 512 << 20;

/// What is kept, and for how many runs.
struct Kept {
    tensors: Vec<Data>,
    bytes: usize,
    runs: usize,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { tensors: Vec::new(), bytes: 0, runs: 0 });

fn kept() -> MutexGuard<'static, Kept> {
    // A list of spare tensors is sound whatever happened to a thread that held it.
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run that may keep memory; with the last one it is given back to the system.
#[derive(Debug)]
pub(crate) struct Run(());

impl Run {
    pub(crate) fn begin() -> Run {
        kept().runs += 1;
        Run(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut kept = kept();
        kept.runs -= 1;
        if kept.runs == 0 {
            kept.tensors.clear();
            kept.bytes = 0;
        }
    }
}

/// Capacity in elements and bytes, if the elements are of this type.
fn capacity<T: Element>(data: &Data) -> Option<(usize, usize)> {
    T::of(data).map(|values| (values.capacity(), values.capacity() * size_of::<T>()))
}

fn bytes(data: &Data) -> usize {
    let of = capacity::<f32>(data).or_else(|| capacity::<f64>(data)).or_else(|| capacity::<u32>(data));
    of.map_or(0, |(_, bytes)| bytes)
}

/// Keeps the memory of a tensor that nothing else holds.
pub(crate) fn give(tensor: Tensor) {
    if tensor.len() < SMALLEST {
        return;
    }
    let mut data = tensor.into_data();
    let own = |data: &mut Data| match data {
        Data::F32(values) => std::sync::Arc::get_mut(values).is_some(),
        Data::F64(values) => std::sync::Arc::get_mut(values).is_some(),
        Data::U32(values) => std::sync::Arc::get_mut(values).is_some(),
        _ => false,
    };
    if own(&mut data) {
        let (mut kept, size) = (kept(), bytes(&data));
        if kept.runs > 0 && kept.bytes + size <= MOST {
            kept.bytes += size;
            kept.tensors.push(data);
        }
    }
}

/// `n` elements of any value, to be overwritten.
pub(crate) fn any<T: Element>(n: usize) -> Vec<T> {
    let mut values = if n < SMALLEST { None } else { take::<T>(n) }.unwrap_or_default();
    if values.capacity() < n {
        values = vec![T::default(); n];
    }
    values.truncate(n);
    values.resize(n, T::default());
    if cfg!(debug_assertions) {
        // Whoever does not overwrite everything should see it.
        values.fill(T::from_f64(f64::NAN));
    }
    values
}

/// Memory for `n` elements, and not for many more.
fn take<T: Element>(n: usize) -> Option<Vec<T>> {
    let mut kept = kept();
    let fits = |data: &Data| capacity::<T>(data).map(|(own, _)| own).filter(|own| (n..=n + n / 2).contains(own));
    let found = kept.tensors.iter().enumerate().filter_map(|(i, data)| fits(data).map(|own| (own, i))).min();
    let (_, found) = found?;
    let mut data = kept.tensors.swap_remove(found);
    kept.bytes -= bytes(&data);
    T::of_mut(&mut data).and_then(std::sync::Arc::get_mut).map(std::mem::take)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_while_a_run_lives() {
        let n = SMALLEST * 3 + 1;
        let run = Run::begin();
        let values = vec![7f64; n];
        let place = values.as_ptr();
        let tensor = Tensor::of(&[n], values);
        let shared = tensor.clone();
        give(tensor);
        assert!(take::<f64>(n).is_none_or(|other| other.as_ptr() != place), "what is shared is not given away");
        give(shared);
        // Other tests may take it first, or give more.
        assert_eq!((any::<f64>(n - 5).len(), any::<f64>(n).len()), (n - 5, n));
        drop(run);
    }
}
