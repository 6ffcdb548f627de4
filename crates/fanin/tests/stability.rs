//! Golden values: not one bit of any law in any type may change without a new version of the stream.
//!
//! `FANIN_BLESS=1 cargo test -p fanin --test stability` writes the file anew.

use fanin::{Dist, Dtype, Stream, kernel};
use std::fmt::Write;
use std::path::PathBuf;

const FLOATS: [Dtype; 6] = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::F8E4m3, Dtype::F8E5m2];

fn laws() -> [Dist; 10] {
    [
        Dist::Constant(0.1),
        Dist::Uniform { low: -0.5, high: 0.5 },
        Dist::Uniform { low: 0.1, high: 0.7 },
        Dist::Normal { mean: 0.0, std: 0.5 },
        Dist::Normal { mean: 1.0, std: 0.25 },
        Dist::Truncated { mean: 0.0, std: 0.5, low: -1.0, high: 1.0 },
        Dist::Truncated { mean: 0.0, std: 0.5, low: -50.0, high: 50.0 },
        Dist::Truncated { mean: 0.0, std: 0.5, low: -0.5, high: 1.5 },
        Dist::Truncated { mean: 0.0, std: 0.5, low: 20.0, high: f64::INFINITY },
        Dist::Arcsine { mean: 0.0, amplitude: 0.5 },
    ]
}

/// FNV-1a, 64 bits.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn values() -> String {
    let mut text = format!(
        "# {}, seed 7, name `golden`: law, type, FNV-1a-64 of elements 0..10000 as little-endian bytes,\n\
         # codes of elements 0..8\n",
        Stream::VERSION
    );
    for dist in laws() {
        for dtype in FLOATS {
            let size = dtype.size().unwrap();
            let mut bytes = vec![0; 10_000 * size];
            kernel::fill(&dist, &Stream::new(7, "golden"), 0, dtype, &mut bytes).unwrap();
            write!(text, "{dist} {dtype} {:016x}", digest(&bytes)).unwrap();
            for element in bytes.chunks(size).take(8) {
                let code = element.iter().rev().fold(String::new(), |code, byte| code + &format!("{byte:02x}"));
                write!(text, " {code}").unwrap();
            }
            text.push('\n');
        }
    }
    text
}

#[test]
fn golden_values_have_not_changed() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/values.txt");
    let now = values();
    if std::env::var_os("FANIN_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let golden = std::fs::read_to_string(&path).expect("FANIN_BLESS=1 writes the file");
    for (now, golden) in now.lines().zip(golden.lines()) {
        assert_eq!(now, golden);
    }
    assert_eq!(now.lines().count(), golden.lines().count());
}
