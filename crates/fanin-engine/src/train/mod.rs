//! Training: optimizers, schedules, and [`Trainer`], which takes a network through its steps.
//!
//! Everything random comes from outside: which examples a batch has is the caller's, what dropout drops is a function of
//! (seed, step, node, element). So a training run is a function of its data, its initial values and its settings, with the
//! same bits on any number of threads.

mod objective;
mod optimizer;
mod schedule;
mod trainer;

pub use objective::Objective;
pub use optimizer::{Moments, Optimizer};
pub use schedule::{Schedule, Shape};
pub use trainer::{Settings, Step, Trainer};
