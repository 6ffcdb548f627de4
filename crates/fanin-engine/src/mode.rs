//! [`Mode`]: whether a run is part of training, and what is random in it.

/// How operators behave that differ between training and use: batch normalization and dropout.
///
/// The default is what the graph itself says: a model exported for use normalizes by its running statistics and drops
/// nothing.
///
/// # Example
/// ```
/// use fanin_engine::Mode;
/// let mode = Mode { seed: 7, ..Mode::training() };
/// assert_eq!(mode.batch_statistics, Some(true));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Whether batch normalization uses the statistics of the batch rather than the running ones; `None` leaves it to
    /// the graph.
    ///
    /// A fresh model's running statistics are 0 and 1: with them a normalization does not normalize, so signals are
    /// measured with those of the batch.
    pub batch_statistics: Option<bool>,
    /// Whether dropout drops; `None` leaves it to the graph.
    pub dropout: Option<bool>,
    /// Seed of what is dropped: element i of a node's mask is a pure function of (seed, step, node, i).
    pub seed: u64,
    /// Number of the training step, so that each has masks of its own.
    pub step: u64,
}

impl Mode {
    /// Statistics of the batch, and dropout.
    pub fn training() -> Mode {
        Mode { batch_statistics: Some(true), dropout: Some(true), ..Mode::default() }
    }

    /// Running statistics, and no dropout.
    pub fn inference() -> Mode {
        Mode { batch_statistics: Some(false), dropout: Some(false), ..Mode::default() }
    }
}
