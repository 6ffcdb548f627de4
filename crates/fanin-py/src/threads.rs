//! The threads that make values: the process's own pool, or one that was asked for.

use crate::failure::Failure;
use fanin::Refusal;
use pyo3::prelude::*;
use rayon::ThreadPool;
use std::sync::{Arc, PoisonError, RwLock};

/// A pool that stands in for the process's own.
static POOL: RwLock<Option<Arc<ThreadPool>>> = RwLock::new(None);

/// Runs `work` on the pool.
pub(crate) fn run<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let pool = POOL.read().unwrap_or_else(PoisonError::into_inner).clone();
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Makes values on this many threads from now on; 0 means one for each core.
///
/// A forked process has none of its parent's threads, so the package calls this in the child.
#[pyfunction]
pub(crate) fn set_threads(count: usize) -> Result<(), Failure> {
    let most = rayon::max_num_threads();
    if count > most {
        let expected = format!("at most {most}; 0 means one for each core");
        let refusal = Refusal::new(format!("{count} threads were asked for"), expected, "Ask for fewer.");
        return Err(refusal.of("count", "set_threads").into());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
    let pool = pool.map_err(|error| {
        Refusal::new(
            format!("{count} threads cannot be started: {error}"),
            "as many as the machine has",
            "Ask for fewer.",
        )
        .of("count", "set_threads")
    })?;
    let old = POOL.write().unwrap_or_else(PoisonError::into_inner).replace(Arc::new(pool));
    // The threads of an old pool may be another process's: waiting for them would take forever.
    std::mem::forget(old);
    Ok(())
}
