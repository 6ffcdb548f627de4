//! Times one orthogonal matrix for each line `rows cols` on standard input; `benches/peers/orthogonal.py` talks to it.
#![allow(clippy::print_stdout, reason = "it answers on standard output")]

use fanin::structure::{Layout, Orthogonal};
use fanin::{Region, Stream, Structure};
use std::io::{BufRead, Write};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out: Vec<f32> = Vec::new();
    for (seed, line) in (0..).zip(std::io::stdin().lock().lines()) {
        let line = line?;
        let mut sizes = line.split_whitespace().map(str::parse::<u64>);
        let (Some(rows), Some(cols)) = (sizes.next(), sizes.next()) else { continue };
        let (rows, cols) = (rows?, cols?);
        out.resize((rows * cols) as usize, 0.0);
        let start = Instant::now();
        let law = Orthogonal::new(Layout::matrix(rows, cols, false)?, 1.0)?;
        let prepared = law.prepare(Stream::new(seed, "weight"));
        let middle = Instant::now();
        prepared.fill(&Region::All, &mut out);
        println!("{} {}", (middle - start).as_secs_f64(), start.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}
