//! Keras and HDF5 files that lie: refused with their place, in bounded time, with nothing written.

mod drawn;

use drawn::{listing, testdata};
use fanin_model::open;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What opening may take however the file lies. A file that sends the reader in circles would take hours.
const LONGEST: Duration = Duration::from_secs(20);

fn sample(name: &str) -> Vec<u8> {
    fs::read(testdata().join("keras").join(name)).unwrap()
}

/// The message with which such a file is refused, or none where it opens.
fn message(path: &Path, bytes: &[u8]) -> Option<String> {
    fs::write(path, bytes).unwrap();
    let start = Instant::now();
    let opened = open(path);
    assert!(start.elapsed() < LONGEST, "it took {:?}", start.elapsed());
    let error = opened.err()?.to_string();
    assert!(error.starts_with(&path.display().to_string()) && error.contains("expected "), "{error}");
    Some(error)
}

fn find(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).position(|window| window == word).unwrap()
}

#[test]
fn addresses_that_lead_in_circles_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loop.h5");
    let (mut refused, mut tried) = (0, 0);
    for name in ["plain.h5", "half.weights.h5", "conv2.h5"] {
        let good = sample(name);
        assert_eq!(message(&path, &good), None, "{name}");
        // The nodes and headers of the structure, and where they are pointed to.
        let marks: Vec<u64> = (0..good.len() as u64 - 8)
            .filter(|&at| matches!(&good[at as usize..][..4], b"TREE" | b"SNOD" | b"HEAP" | b"GCOL"))
            .collect();
        let pointers = (0..good.len() - 8)
            .step_by(8)
            .filter(|&at| {
                let value = u64::from_le_bytes(good[at..at + 8].try_into().unwrap());
                value >= 48 && value < good.len() as u64 && value.is_multiple_of(8)
            })
            .collect::<Vec<_>>();
        for (turn, &at) in pointers.iter().enumerate().step_by(11) {
            for target in [marks[turn % marks.len()], marks[0], 96, at as u64 & !7] {
                let mut bytes = good.clone();
                bytes[at..at + 8].copy_from_slice(&target.to_le_bytes());
                refused += usize::from(message(&path, &bytes).is_some());
                tried += 1;
            }
        }
    }
    assert!(tried > 60 && refused > tried / 4, "{refused} of {tried}");
    assert_eq!(listing(dir.path()), ["loop.h5"]);
}

#[test]
fn sizes_that_lie_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("size.h5");
    for name in ["plain.h5", "half.weights.h5"] {
        let good = sample(name);
        for at in (8..good.len() - 8).step_by(40) {
            for lie in [u64::MAX, 1 << 62, 1 << 40, 0x7fff_ffff] {
                let mut bytes = good.clone();
                bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
                let _ = message(&path, &bytes);
            }
        }
    }
    // The data of one dataset, said to lie behind the end.
    let good = sample("half.weights.h5");
    let error = message(&path, &good[..good.len() - 1]).unwrap();
    assert!(error.contains("the HDF5 structure cannot be read") || error.contains("a range inside"), "{error}");
}

#[test]
fn every_byte_of_the_structure_may_be_anything() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("byte.h5");
    let good = sample("half.weights.h5");
    for at in (0..good.len()).step_by(37) {
        for lie in [0u8, 0xff, good[at] ^ 0x10] {
            let mut bytes = good.clone();
            bytes[at] = lie;
            let _ = message(&path, &bytes);
        }
    }
}

#[test]
fn archives_around_it_are_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.keras");
    let good = sample("unnamed.keras");
    assert_eq!(message(&path, &good), None);
    // The configuration says it has as many bytes as nobody writes.
    let record = good.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let mut bomb = good.clone();
    bomb[record + 24..record + 28].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    assert!(message(&path, &bomb).is_some());
    // A name that leaves the archive is no entry of a model; nothing is ever unpacked under a name.
    let mut outside = good.clone();
    for _ in 0..2 {
        let at = find(&outside, b"model.weights.h5");
        outside[at..at + 3].copy_from_slice(b"../");
    }
    let error = message(&path, &outside).unwrap();
    assert!(error.contains("an entry is named \"../"), "{error}");
    let mut broken = good.clone();
    let at = find(&broken, b"{\"module\"");
    broken[at] = b'[';
    let error = message(&path, &broken).unwrap();
    assert!(error.contains("`config.json`: its checksum is"), "{error}");
    assert_eq!(listing(dir.path()), ["model.keras"]);
}
