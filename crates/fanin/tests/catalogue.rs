//! Golden values of every method: its first worked case, to the bit.
//!
//! `FANIN_BLESS=1 cargo test -p fanin --test catalogue` writes the file anew.

use fanin::generate::Filler;
use fanin::methods::METHODS;
use fanin::plan::Laws;
use fanin::{Axes, Axis, Dtype, Known, Param, Region};
use std::fmt::Write as _;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/methods.txt");
const HEAD: &str = "# Written by `FANIN_BLESS=1 cargo test -p fanin --test catalogue`: seed 7, parameter \"weight\".\n\
                    # call, shape, FNV-1a-64 of the little-endian binary32 values, the first values\n";

/// FNV-1a, 64 bits.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn listing() -> String {
    let mut text = HEAD.to_owned();
    for entry in METHODS {
        let case = entry.about().cases[0];
        let dtype = if case.call.starts_with("complex") { Dtype::C64 } else { Dtype::F32 };
        // A table is filled whatever its axes, and its cases do not care for them.
        let own = (case.axes)();
        let axes = if own.fits(case.shape).is_ok() { own } else { Axes::of(&vec![Axis::Out; case.shape.len()]) };
        let param = Param { axes: Some(Known::user(axes)), ..case.param("weight", dtype) };
        let laws = Laws::of(&param, &case.call.parse().unwrap()).unwrap();
        let mut bytes = vec![0; Region::All.len(case.shape) as usize * dtype.size().unwrap()];
        Filler::new(&laws, 7, "weight", dtype).unwrap().fill(&Region::All, &mut bytes).unwrap();
        let first = bytes.as_chunks().0.iter().take(5).map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<_>>();
        writeln!(text, "{} {:?} {:016x} {first:?}", case.call, case.shape, digest(&bytes)).unwrap();
    }
    text
}

#[test]
fn golden_values_of_every_method() {
    let found = listing();
    if std::env::var_os("FANIN_BLESS").is_some() {
        std::fs::write(FILE, &found).unwrap();
    }
    let expected = std::fs::read_to_string(FILE).unwrap_or_default();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "if the change is meant: FANIN_BLESS=1 cargo test -p fanin --test catalogue");
    }
    let (now, then) = (found.lines().count(), expected.lines().count());
    assert_eq!(now, then, "methods came or went: FANIN_BLESS=1 cargo test -p fanin --test catalogue");
}
