//! [`Acts`]: how a weight acts on a signal, beyond mean and variance of its elements.

/// How a weight acts on a signal, for predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Acts {
    /// As independent elements of the law's mean and variance would, on average: also orthogonal matrices.
    #[default]
    Freely,
    /// As `Freely`, with all weight on the centre tap of a convolution.
    Centre,
    /// It hands its inputs on, times a factor; on the centre tap of a convolution.
    Identity(f64),
    /// It reads or writes pairs of opposite units ([`crate::structure::Mirrored`]).
    Mirrored {
        /// Its inputs are pairs, of which it reads the difference.
        reads: bool,
        /// Its outputs are pairs.
        writes: bool,
        /// All weight is on the centre tap of a convolution.
        centre: bool,
    },
    /// It belongs together with other weights: what they do as one, the moments of its own elements do not tell.
    Together,
}
