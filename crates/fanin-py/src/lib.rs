//! The native part of the Python package `fanin`: plans, values and files as Python sees them. Everything that a person
//! calls is Python, in `python/fanin`; this is what it stands on.

mod buffer;
mod call;
mod compare;
mod digest;
mod failure;
mod graph;
mod model;
mod params;
mod plan;
mod program;
mod region;
mod report;
mod surround;
mod threads;

use pyo3::prelude::*;

/// The module `fanin._fanin`.
#[pymodule]
mod _fanin {
    #[pymodule_export]
    use crate::call::{fill, law, methods, written};
    #[pymodule_export]
    use crate::compare::{Comparing, cell, compare};
    #[pymodule_export]
    use crate::digest::Digest;
    #[pymodule_export]
    use crate::model::{Model, open};
    #[pymodule_export]
    use crate::plan::{Plan, plan};
    #[pymodule_export]
    use crate::program::{diagnose, explain, main, recipes};
    #[pymodule_export]
    use crate::report::report;
    #[pymodule_export]
    use crate::threads::set_threads;

    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    /// The version of the random stream, which every plan names.
    #[pymodule_export]
    const STREAM: &str = fanin::Stream::VERSION;
}
