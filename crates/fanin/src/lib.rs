//! Weight initialization for neural networks: decides and computes initial values.
//!
//! # The model in your head
//!
//! A [`methods::Method`] (a published initializer) does not make numbers: it gives a parameter a [`Law`], a small value
//! that says how the numbers are distributed. A [`Plan`] lists every parameter with its call, its law's variance and the
//! reasons. The values themselves are a pure function of (law, seed, parameter name, element index): any element, row or
//! shard can be had alone, with the same bits on any number of threads, any SIMD width and any machine.
//!
//! What a model file says of its parameters becomes [`Param`]s: with a graph by [`discover::params`], without one by
//! [`convention::params`]. A [`Recipe`] says which method is for which parameter. Files themselves are opened and written
//! by the crate `fanin-model`.
//!
//! # Example: the whole line
//! ```
//! use fanin::{Axes, Dtype, Param, Recipe, Region, Role, generate, plan};
//!
//! // A layer of 64 inputs and 10 outputs, planned by He's rule.
//! let params = [Param::new("fc.weight", &[10, 64], Dtype::F32, Role::Weight, Axes::linear())];
//! let plan = plan::plan(&params, &Recipe::named("he")?, &plan::Options::default())?;
//! let weight = &plan.decisions[0];
//! assert_eq!(weight.reasons.last().unwrap().about, "formula");
//!
//! // Its bytes, all of them or any part of them.
//! let mut bytes = vec![0; 10 * 64 * 4];
//! generate::fill(weight, plan.seed, &Region::All, &mut bytes)?;
//! # Ok::<(), fanin::Error>(())
//! ```
//!
//! # What it does not do
//!
//! It runs no model and opens no file. It needs no data: a [`methods::Method`] cannot even see any.

// In the order of dependency: a module uses only those above it.
pub mod error;
pub mod known;
pub mod dtype;
pub mod numerics;
pub mod spectrum;
pub mod philox;
pub mod stream;
pub mod region;
pub mod law;
pub mod kernel;
pub mod structure;
pub mod axes;
pub mod role;
pub mod site;
pub mod gain;
pub mod graph;
pub mod tied;
pub mod doubt;
pub mod param;
pub mod anatomy;
pub mod discover;
pub mod layer;
pub mod say;
pub mod convention;
pub mod expression;
pub mod call;
pub mod methods;
pub mod recipe;
pub mod fit;
pub mod plan;
pub mod transfer;
pub mod signal;
pub mod auto;
pub mod generate;
pub mod digest;
pub mod report;
pub mod inspect;
pub mod judge;

pub use axes::{Axes, Axis, Count, Fan};
pub use call::Call;
pub use doubt::Doubt;
pub use dtype::Dtype;
pub use error::{Error, Refusal};
pub use expression::Expression;
pub use fit::Take;
pub use gain::Activation;
pub use graph::Graph;
pub use known::{Evidence, Known};
pub use law::{Dist, Draw, Law, Prepared, Structure};
pub use layer::Layer;
pub use param::{Param, Part, Place};
pub use plan::{Action, Decision, Plan};
pub use recipe::Recipe;
pub use region::Region;
pub use report::Report;
pub use role::Role;
pub use say::Say;
pub use site::{Block, Site};
pub use stream::Stream;
pub use tied::{Form, Tied};
