//! Times one orthogonal matrix for each line `rows cols [file]` on standard input, and writes it to the file if one is
//! named; `benches/peers/orthogonal.py` talks to it. Answers `seconds of prepare` and `seconds of all`.
#![allow(clippy::print_stdout, reason = "it answers on standard output")]

use fanin::structure::{Layout, Orthogonal};
use fanin::{Region, Stream, Structure};
use std::io::{BufRead, Write};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out: Vec<f32> = Vec::new();
    for (seed, line) in (0..).zip(std::io::stdin().lock().lines()) {
        let line = line?;
        let mut words = line.split_whitespace();
        let (Some(rows), Some(cols)) = (words.next(), words.next()) else { continue };
        let (rows, cols): (u64, u64) = (rows.parse()?, cols.parse()?);
        out.resize(usize::try_from(rows * cols)?, 0.0);
        let start = Instant::now();
        let law = Orthogonal::new(Layout::matrix(rows, cols, false)?, 1.0)?;
        let prepared = law.prepare(Stream::new(seed, "weight"));
        let middle = Instant::now();
        prepared.fill(&Region::All, &mut out);
        println!("{} {}", (middle - start).as_secs_f64(), start.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
        if let Some(path) = words.next() {
            let bytes: Vec<u8> = out.iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(path, bytes)?;
        }
    }
    Ok(())
}
