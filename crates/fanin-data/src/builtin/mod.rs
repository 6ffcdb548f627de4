//! Data of fanin's own: real sets that are stored in the program, and synthetic ones that are made for a model.

mod adding;
mod copy;
mod embedded;
mod gaussian;
mod picture;
mod recall;
mod tokens;

use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::wanted::Wanted;
use fanin::Stream;

/// A set of fanin's own.
#[derive(Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// What it is, and where it comes from.
    pub about: &'static str,
    make: fn(&Options, Option<&Wanted>) -> Result<Raw, DataError>,
}

impl PartialEq for Builtin {
    fn eq(&self, other: &Builtin) -> bool {
        self.name == other.name
    }
}

/// Every set of fanin's own.
pub const BUILTIN: &[Builtin] = &[
    Builtin {
        name: "digits",
        about: "1,797 pictures of handwritten digits, 8x8, from 0 to 1; 10 classes (Alpaydin & Kaynak 1998, UCI, CC BY 4.0)",
        make: |_, _| embedded::digits(),
    },
    Builtin {
        name: "mnist1d",
        about: "5,000 rows of 40 numbers, 4,000 of them for training; 10 classes (Greydanus & Kobak 2020, Apache-2.0)",
        make: |_, _| embedded::mnist1d(),
    },
    Builtin {
        name: "fashion-mnist",
        about: "70,000 pictures of clothes, 28x28, 60,000 of them for training; 10 classes (Xiao et al. 2017, MIT); from \
                Debian's package dataset-fashion-mnist",
        make: |_, _| embedded::fashion_mnist(),
    },
    Builtin {
        name: "gaussian",
        about: "standard normal numbers in the shape of the model's inputs, with answers that a few of them decide",
        make: gaussian::make,
    },
    Builtin {
        name: "tokens",
        about: "a synthetic language: each token has four likely successors, so there is something to learn",
        make: tokens::make,
    },
    Builtin {
        name: "adding",
        about: "the sum of two marked numbers of a long sequence (Hochreiter & Schmidhuber 1997)",
        make: adding::make,
    },
    Builtin { name: "recall", about: "which symbol a long sequence began with", make: recall::make },
    Builtin {
        name: "copy",
        about: "ten symbols to be said again after a long wait (Arjovsky et al. 2016); for models of tokens that answer at every step",
        make: copy::make,
    },
    Builtin {
        name: "picture",
        about: "the brightness of a picture by its coordinates, `length=48` points along a side; the points between are for testing",
        make: picture::make,
    },
];

pub(crate) fn make(builtin: &Builtin, options: &Options, wanted: Option<&Wanted>) -> Result<Raw, DataError> {
    let mut raw = (builtin.make)(options, wanted)?;
    builtin.about.clone_into(&mut raw.about);
    Ok(raw)
}

/// A whole number below `most`, each as likely as the others to 2⁻⁶⁴ · `most`.
fn below(stream: Stream, index: u64, most: usize) -> usize {
    ((u128::from(wide(stream, index)) * most as u128) >> 64) as usize
}

/// 64 random bits.
fn wide(stream: Stream, index: u64) -> u64 {
    u64::from(stream.word(index)) << 32 | u64::from(stream.lane(1).word(index))
}

/// A number between 0 and 1, both excluded.
fn unit(stream: Stream, index: u64) -> f64 {
    (f64::from(stream.word(index)) + 0.5) / 4_294_967_296.0
}
