//! Tables written by programs; nothing here is edited by hand.

#[rustfmt::skip]
#[allow(clippy::excessive_precision, reason = "binary32 numbers, written as the shortest binary64 text of the same value")]
pub(crate) mod polynomials;
