//! Curves as the event files that `TensorBoard` reads: a record for each number of each step.
//!
//! A file is a row of records: length, checksum of the length, an `Event` message, checksum of the message. Both are
//! masked CRC-32C. The messages are `Event { wall_time = 1, step = 2, file_version = 3, summary = 5 }`, `Summary { value = 1 }`
//! and `Value { tag = 1, simple_value = 2 }` (tensorflow/core/util/event.proto and framework/summary.proto, as of 2.16).

use crate::error::Error;
use crate::outcome::{Outcome, Point};
use crate::store::Store;

/// Writes `tensorboard/CASE/STRATEGY/seed-N/events.out.tfevents…` below the folder, for all outcomes that are there. Gives the
/// number of runs.
///
/// # Errors
/// If the folder cannot be read or written.
pub fn write(store: &Store) -> Result<usize, Error> {
    let mut count = 0;
    for cell in store.cells()? {
        let id = cell.id();
        let Some(Ok(outcome)) = store.get(&id)? else { continue };
        let rate = format!("seed-{}-rate-{}", cell.seed, cell.training.rate);
        let folder = ["tensorboard", &plain(&cell.case), &plain(&cell.strategy.name), &rate];
        let folder = folder.iter().fold(store.folder().to_owned(), |path, part| path.join(part));
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "make the folder"))?;
        store.write(&folder.join(format!("events.out.tfevents.0.fanin.{id}")), &events(&outcome))?;
        count += 1;
    }
    Ok(count)
}

/// A name that is one part of a path.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect()
}

fn events(outcome: &Outcome) -> Vec<u8> {
    let mut file = Vec::new();
    let mut version = vec![1 << 3 | 1];
    version.extend(0f64.to_le_bytes());
    bytes(&mut version, 3, b"brain.Event:2");
    record(&mut file, &version);
    for point in &outcome.curve {
        for (tag, value) in scalars(point) {
            let mut own = Vec::new();
            bytes(&mut own, 1, tag.as_bytes());
            own.push(2 << 3 | 5);
            own.extend((value as f32).to_le_bytes());
            let mut summary = Vec::new();
            bytes(&mut summary, 1, &own);
            // Seconds of training stand for the time of day, so that TensorBoard's axis of time shows them.
            let mut event = vec![1 << 3 | 1];
            event.extend(point.seconds.to_le_bytes());
            event.push(2 << 3);
            varint(&mut event, point.step);
            bytes(&mut event, 5, &summary);
            record(&mut file, &event);
        }
    }
    file
}

fn scalars(point: &Point) -> impl Iterator<Item = (&'static str, f64)> {
    [("train/loss", point.loss), ("test/loss", point.test.loss), ("test/accuracy", point.test.accuracy)]
        .into_iter()
        .filter_map(|(tag, value)| Some((tag, value?)))
}

/// A field of a message that has a length.
fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn record(file: &mut Vec<u8>, content: &[u8]) {
    let length = (content.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked(&length).to_le_bytes());
    file.extend(content);
    file.extend(masked(content).to_le_bytes());
}

/// The checksum of a record: CRC-32C, rotated and shifted so that a checksum of checksums is no trap.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: event files are small.
fn crc32c(bytes: &[u8]) -> u32 {
    /// The polynomial, reflected (RFC 3720, §12.1).
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Figures;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4: 32 bytes of zeros, and the check value of the catalogue.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_file_is_a_row_of_records() {
        let point =
            Point { step: 300, seconds: 1.5, loss: Some(0.5), test: Figures { loss: None, accuracy: Some(0.25) } };
        let file = events(&Outcome { curve: vec![point], ..Outcome::default() });
        let mut at = 0;
        let mut contents = Vec::new();
        while at < file.len() {
            let length = u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
            assert_eq!(masked(&file[at..at + 8]).to_le_bytes(), file[at + 8..at + 12]);
            let content = &file[at + 12..at + 12 + length];
            assert_eq!(masked(content).to_le_bytes(), file[at + 12 + length..at + 16 + length]);
            contents.push(content.to_vec());
            at += 16 + length;
        }
        assert_eq!(contents.len(), 3, "the version and two numbers");
        let accuracy = &contents[2];
        assert_eq!(accuracy[..9], [&[9u8][..], &1.5f64.to_le_bytes()].concat()[..]);
        assert_eq!(accuracy[9..12], [16, 0xac, 2], "step 300");
        assert!(accuracy.ends_with(&0.25f32.to_le_bytes()));
    }
}
