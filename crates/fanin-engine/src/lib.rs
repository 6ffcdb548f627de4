//! Runs a model's [`fanin::Graph`], forward and backward, on the CPU.
//!
//! # The model in your head
//!
//! A [`Program`] is a graph that is known to be runnable: every operator is resolved, and what is missing was reported
//! before anything ran. A [`Trace`] is one run of it over certain constants and inputs. It computes what it is asked for,
//! and after a change only what depends on the change; [`Trace::backward`] gives gradients with respect to any values,
//! parameters and activations alike. A loss is a function of outputs that gives its value and the gradient to begin with:
//! [`loss`].
//!
//! # Example: one step of gradient descent
//! ```
//! use fanin::graph::{Constant, Content, Graph, Node, Value, ValueId};
//! use fanin::Dtype;
//! use fanin_engine::{Constants, Options, Program, Tensor, loss};
//! use std::collections::BTreeMap;
//!
//! // y = x · w, with x of any batch size and w stored.
//! let stored = Constant { shape: vec![2, 1], dtype: Dtype::F32, content: Content::Varied, ints: None };
//! let mut graph = Graph {
//!     values: vec![
//!         Value { name: "x".into(), shape: Some(vec![None, Some(2)]), ..Value::default() },
//!         Value { name: "w".into(), constant: Some(stored), ..Value::default() },
//!         Value { name: "y".into(), ..Value::default() },
//!     ],
//!     nodes: vec![Node {
//!         op: "MatMul".into(),
//!         inputs: vec![Some(ValueId(0)), Some(ValueId(1))],
//!         outputs: vec![Some(ValueId(2))],
//!         ..Node::default()
//!     }],
//!     inputs: vec![ValueId(0)],
//!     outputs: vec![ValueId(2)],
//!     opsets: BTreeMap::from([(String::new(), 20)]),
//! };
//! graph.connect();
//! let (x, w, y) = (ValueId(0), ValueId(1), ValueId(2));
//!
//! let program = Program::compile(graph)?;
//! let constants = Constants::load(&program, |_, _| Ok(Tensor::new(&[2, 1], vec![1.0f32, 1.0])?))?;
//! let batch = BTreeMap::from([(x, Tensor::new(&[3, 2], vec![1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0])?)]);
//! let options = Options { gradients: [w].into(), ..Options::default() };
//! let mut trace = program.run(&constants, &batch, options)?;
//!
//! let target = Tensor::new(&[3, 1], vec![2.0f32, 3.0, 5.0])?;
//! let before = loss::mean_squared_error(trace.value(y)?, &target)?;
//! let gradients = trace.backward(&[(y, before.gradient)])?;
//! let slope = gradients.get(w).and_then(Tensor::values::<f32>).unwrap().to_vec();
//! trace.update(w, |w| {
//!     for (w, slope) in w.values_mut::<f32>().unwrap().iter_mut().zip(&slope) {
//!         *w -= 0.1 * slope;
//!     }
//! })?;
//! let after = loss::mean_squared_error(trace.value(y)?, &target)?;
//! assert!(after.value < before.value);
//! # Ok::<(), fanin_engine::Error>(())
//! ```
//!
//! # Determinism
//! The same program on the same machine gives the same bits on any number of threads: work is cut by shapes, never by
//! threads, and every sum has one order. Bits may differ between machines, since functions such as the exponential come
//! from the platform and products of matrices from kernels for its vector instructions.
//!
//! # What it does not do
//! It opens no files and knows no formats: constants come from the caller. Half precision is computed in `f32`.

mod backward;
pub mod calibrate;
mod compile;
mod constants;
mod convolution;
mod element;
mod elementwise;
mod error;
mod gemm;
mod iteration;
pub mod loss;
mod mode;
mod normalize;
mod operator;
mod operators;
mod parallel;
mod picks;
mod places;
pub mod probe;
mod program;
mod recurrent;
mod reduce;
mod running;
mod setup;
mod shape;
mod spare;
mod tensor;
#[cfg(test)]
mod testing;
mod thin;
mod tile;
mod trace;
pub mod train;
mod window;

pub use backward::Gradients;
pub use constants::Constants;
pub use element::Element;
pub use error::Error;
pub use mode::Mode;
pub use program::Program;
pub use tensor::{Data, Spec, Tensor};
pub use trace::{Keep, Options, Trace};
