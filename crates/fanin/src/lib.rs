//! Weight initialization for neural networks: decides and computes initial values.

// In the order of dependency: a module uses only those above it.
pub mod error;
pub mod known;
pub mod dtype;
pub mod numerics;
pub mod philox;
pub mod stream;
pub mod region;
pub mod law;
pub mod kernel;
pub mod structure;
pub mod axes;
pub mod role;
pub mod gain;
pub mod graph;
pub mod param;
pub mod convention;
pub mod call;
pub mod methods;
pub mod recipe;
pub mod plan;
pub mod generate;
pub mod digest;

pub use axes::{Axes, Axis, Count, Fan};
pub use call::Call;
pub use dtype::Dtype;
pub use error::{Error, Refusal};
pub use gain::Activation;
pub use graph::Graph;
pub use known::{Evidence, Known};
pub use law::{Dist, Draw, Law, Prepared, Structure};
pub use param::{Param, Part, Place};
pub use plan::{Action, Decision, Plan};
pub use recipe::Recipe;
pub use region::Region;
pub use role::Role;
pub use stream::Stream;
