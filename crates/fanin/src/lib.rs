//! Weight initialization for neural networks: decides and computes initial values.

pub mod axes;
pub mod convention;
pub mod dtype;
pub mod error;
pub mod gain;
pub mod graph;
pub mod known;
pub mod law;
pub mod param;
pub mod philox;
pub mod region;
pub mod role;
pub mod stream;

pub use axes::{Axes, Axis, Count, Fan};
pub use dtype::Dtype;
pub use error::{Error, Refusal};
pub use gain::Activation;
pub use graph::Graph;
pub use known::{Evidence, Known};
pub use law::{Dist, Draw, Law, Prepared, Structure};
pub use param::{Param, Part, Place};
pub use region::Region;
pub use role::Role;
pub use stream::Stream;
