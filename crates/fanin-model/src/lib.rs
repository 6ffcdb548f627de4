//! Opens and rewrites model files.

mod error;
mod fill;
mod output;
mod source;

pub use error::{FileError, Problem};
pub use fill::{Change, Fill, Values};
