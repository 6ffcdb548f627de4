//! A model as a network that runs: its graph compiled, its values drawn by a plan or read from its file, data fed to it, and
//! what it has learned written again.
//!
//! `fanin-model` knows files and no computation, `fanin-engine` computes and knows no files, `fanin-data` knows neither. Whoever
//! needs them together, to diagnose, calibrate, train or compare, does it through this crate.
//!
//! # Example: a short architecture, drawn and asked
//! ```
//! use fanin::{Recipe, plan};
//! use fanin_network::{Feed, Network};
//!
//! let model = fanin_model::open("mlp:64-32-10:relu")?;
//! let plan = plan::plan(model.params(), &Recipe::named("he")?, &plan::Options::default())?;
//! let network = Network::drawn(model, &plan)?;
//! let feed = Feed::open(&"digits".parse()?, network.graph())?;
//! let batch = feed.batch(&[0, 1, 2], network.graph())?;
//! let logits = network.program().run(network.constants(), &batch.inputs, Default::default())?.outputs()?;
//! assert_eq!(logits[0].shape(), [3, 10]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod draw;
mod error;
mod feed;
mod given;
mod looked;
mod measured;
mod network;
mod save;
mod scales;
mod shown;

pub use answer::{answer, objective};
pub use draw::{Drawn, draw, lacks_values};
pub use error::Error;
pub use feed::{Batch, Feed, inputs};
pub use given::{given, kept};
pub use looked::Looked;
pub use measured::measured;
pub use network::{Network, constants};
pub use scales::scales;
pub use shown::{attention, jacobian, moments, residuals};
