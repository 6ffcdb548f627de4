//! Pins the values of every structure: a changed bit is a changed version of the stream.

use super::testing::{Shaped, whole_of};
use super::{
    Centre, ConvolutionOrthogonal, DeltaOrthogonal, Dirac, Formula, Identity, Kernel, Layout, Mirrored, Moments,
    Orthogonal, Packed, Part, Piece, Sinusoidal, Sparse, Taps, ZeroRow,
};
use crate::law::{Dist, Law};
use crate::stream::Stream;
use std::fmt::Write;
use std::sync::Arc;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/structures.txt");
const HEAD: &str = "# Written by `FANIN_BLESS=1 cargo test -p fanin golden`: seed 7, parameter \"weight\".\n\
                    # name, shape, FNV-1a-64 of the little-endian binary32 values, the first values\n";

/// One line for each law.
fn listing() -> String {
    let mut lines = String::from(HEAD);
    let mut add = |name: &str, law: &dyn Shaped| {
        let values = whole_of(law, Stream::new(7, "weight"));
        let hash = values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        writeln!(lines, "{name} {:?} {hash:016x} {:?}", law.shape(), &values[..values.len().min(6)]).unwrap();
    };
    let matrix = |rows, cols, transposed| Layout::matrix(rows, cols, transposed).unwrap();
    let conv = |shape: &[u64], out, input| Kernel::new(shape, out, input, Centre::Lower).unwrap();
    for (rows, cols, transposed) in [(1, 1, false), (3, 3, false), (300, 70, false), (70, 300, false), (70, 300, true)]
    {
        let name = if transposed { "orthogonal_transposed" } else { "orthogonal" };
        add(name, &Orthogonal::new(matrix(rows, cols, transposed), 1.5).unwrap());
    }
    add("orthogonal_of_conv_transpose", &Orthogonal::new(Layout::kernel(&[9, 20, 3, 3], 1, 0).unwrap(), 1.0).unwrap());
    add("delta_orthogonal", &DeltaOrthogonal::new(conv(&[8, 6, 3, 4], 0, 1), 1.0).unwrap());
    add("convolution_orthogonal", &ConvolutionOrthogonal::new(&[8, 6, 3, 2], 0, 1, 1.0).unwrap());
    add("identity", &Identity::new(conv(&[4, 3, 3], 0, 1), 0.5).unwrap());
    add("dirac", &Dirac::new(conv(&[6, 3, 3], 0, 1), 2).unwrap());
    for part in [Part::First, Part::Hidden, Part::Head] {
        for taps in [Taps::All, Taps::Centre] {
            let law = Mirrored::new(conv(&[9, 7, 3], 0, 1), part, taps, 1.25, 1.0).unwrap();
            add(&format!("mirrored_{part:?}_{taps:?}").to_lowercase(), &law);
        }
    }
    add("sparse", &Sparse::with_sparsity(matrix(30, 20, false), 0.01, 0.4).unwrap());
    for (rows, cols) in [(16, 16), (9, 20)] {
        add("sinusoidal", &Sinusoidal::new(matrix(rows, cols, false), 1.0).unwrap());
    }
    let nothing = Moments { mean: 0.0, variance: 0.0 };
    add("formula", &Formula::new(matrix(5, 8, false), nothing, |row, col, stream| super::unit(stream, row * 8 + col)));
    let row = ZeroRow::new(&[4, 5], Law::Each(Dist::Normal { mean: 0.0, std: 1.0 }), 1).unwrap();
    add("zero_row", &row);
    let piece = |label: &str, len, law| Piece { label: label.to_owned(), len, law };
    let square = Law::Whole(Arc::new(Orthogonal::new(matrix(3, 3, false), 1.0).unwrap()));
    let normal = Law::Each(Dist::Normal { mean: 0.0, std: 1.0 });
    add("packed", &Packed::new(&[11], vec![piece("[a]", 2, normal), piece("[b]", 9, square)]).unwrap());
    lines
}

#[test]
fn golden_structures() {
    let found = listing();
    if std::env::var_os("FANIN_BLESS").is_some() {
        std::fs::create_dir_all(std::path::Path::new(FILE).parent().unwrap()).unwrap();
        std::fs::write(FILE, &found).unwrap();
    }
    let expected = std::fs::read_to_string(FILE).unwrap_or_default();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "if the change is meant: FANIN_BLESS=1 cargo test -p fanin golden");
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}
