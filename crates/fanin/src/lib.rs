//! Weight initialization for neural networks: decides and computes initial values.

pub mod dtype;
pub mod error;
pub mod kernel;
pub mod known;
pub mod law;
pub mod numerics;
pub mod philox;
pub mod region;
pub mod stream;

pub use dtype::Dtype;
pub use error::{Error, Refusal};
pub use known::{Evidence, Known};
pub use law::{Dist, Draw, Law, Prepared, Structure};
pub use region::Region;
pub use stream::Stream;
