//! Inflating, with the memory bounded by what deflate can do and by [`MOST_INFLATED`](super::MOST_INFLATED).

use super::MOST_INFLATED;
use crate::error::Problem;
use flate2::read::DeflateDecoder;
use std::io::Read as _;

/// No byte of deflated data becomes more bytes than this (zlib's technical notes: 1032 to 1).
const MOST_RATIO: u64 = 1032;

/// Whether `packed` deflated bytes can become `size` bytes.
pub(super) fn is_possible(packed: u64, size: u64) -> bool {
    size <= packed.saturating_mul(MOST_RATIO)
}

/// All `size` bytes.
pub(super) fn whole(packed: &[u8], size: u64) -> Result<Vec<u8>, Box<Problem>> {
    if size > MOST_INFLATED {
        let wrong = format!("it inflates to {size} bytes");
        let problem = Problem::new("", wrong, format!("at most {MOST_INFLATED}, since it has to be held in memory"));
        return Err(problem.remedy("Save it without compression (`numpy.savez`)."));
    }
    // One more than is announced: it must not be there.
    let content = read(packed, size + 1)?;
    if content.len() as u64 != size {
        let wrong = match content.len() as u64 {
            more if more > size => format!("it inflates to more than {size} bytes"),
            less => format!("it inflates to {less} bytes"),
        };
        return Err(Problem::new("", wrong, format!("{size}, as the directory says")));
    }
    Ok(content)
}

/// The first `len` bytes.
pub(super) fn start(packed: &[u8], len: u64) -> Result<Vec<u8>, Box<Problem>> {
    let content = read(packed, len)?;
    if (content.len() as u64) < len {
        let wrong = format!("it inflates to {} bytes", content.len());
        return Err(Problem::new("", wrong, format!("{len} or more, as the directory says")));
    }
    Ok(content)
}

fn read(packed: &[u8], most: u64) -> Result<Vec<u8>, Box<Problem>> {
    let mut content = Vec::new();
    let read = DeflateDecoder::new(packed).take(most).read_to_end(&mut content);
    read.map_err(|e| Problem::new("", format!("it cannot be inflated: {e}"), "deflated data"))?;
    Ok(content)
}
