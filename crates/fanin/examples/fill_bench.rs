//! Times fills on request, for a script that alternates them with those of another library.
//!
//! One request a line on standard input, one answer a line on standard output:
//! `LAW DTYPE PATH THREADS ELEMENTS` gives the seconds that one fill of memory already touched took.
//!
//! ```text
//! $ echo "normal f32 avx512 2 16777216" | cargo run --release -p fanin --example fill_bench
//! ```

use fanin::kernel::{self, Path};
use fanin::{Dist, Dtype, Stream};
use rayon::prelude::*;
use std::io::{BufRead, Write};
use std::time::Instant;

/// Elements that one task fills.
const TASK: usize = 1 << 16;

fn law(name: &str) -> Option<Dist> {
    Some(match name {
        "constant" => Dist::Constant(0.5),
        "uniform" => Dist::Uniform { low: -0.05, high: 0.05 },
        "normal" => Dist::Normal { mean: 0.0, std: 0.02 },
        "truncated" => Dist::Truncated { mean: 0.0, std: 0.02, low: -0.04, high: 0.04 },
        "truncated_far" => Dist::Truncated { mean: 0.0, std: 0.02, low: -2.0, high: 2.0 },
        "truncated_skew" => Dist::Truncated { mean: 0.0, std: 0.02, low: -0.02, high: 0.04 },
        "arcsine" => Dist::Arcsine { mean: 0.0, amplitude: 0.05 },
        _ => return None,
    })
}

fn dtype(name: &str) -> Option<Dtype> {
    [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::F8E4m3, Dtype::F8E5m2]
        .into_iter()
        .find(|d| d.name() == name)
}

fn path(name: &str) -> Option<Path> {
    Path::ALL.into_iter().find(|path| format!("{path:?}").eq_ignore_ascii_case(name) && path.available())
}

/// Memory that is a multiple of its elements' alignment, kept between requests.
struct Memory(Vec<u64>);

impl Memory {
    fn bytes(&mut self, len: usize) -> &mut [u8] {
        if self.0.len() * 8 < len {
            self.0 = vec![1; len.div_ceil(8)];
        }
        #[allow(unsafe_code, reason = "bytes of numbers")]
        // SAFETY: numbers have no padding, and the slice is as long.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast::<u8>(), self.0.len() * 8) };
        &mut bytes[..len]
    }
}

fn answer(request: &str, memory: &mut Memory) -> Option<f64> {
    let fields: Vec<&str> = request.split_whitespace().collect();
    let [law_name, dtype_name, path_name, threads, elements] = fields[..] else { return None };
    let (dist, dtype, path) = (law(law_name)?, dtype(dtype_name)?, path(path_name)?);
    let (threads, elements): (usize, usize) = (threads.parse().ok()?, elements.parse().ok()?);
    let size = dtype.size()?;
    let out = memory.bytes(elements * size);
    let stream = Stream::new(1, "weight");
    let start = Instant::now();
    if threads == 1 {
        kernel::fill_on(path, &dist, &stream, 0, dtype, out).ok()?;
    } else {
        out.par_chunks_mut(TASK * size)
            .enumerate()
            .try_for_each(|(k, out)| kernel::fill_on(path, &dist, &stream, (k * TASK) as u64, dtype, out))
            .ok()?;
    }
    Some(start.elapsed().as_secs_f64())
}

fn main() -> std::io::Result<()> {
    let mut memory = Memory(Vec::new());
    let mut out = std::io::stdout();
    for request in std::io::stdin().lock().lines() {
        match answer(&request?, &mut memory) {
            Some(seconds) => writeln!(out, "{seconds:.9}")?,
            None => writeln!(out, "cannot: LAW DTYPE PATH THREADS ELEMENTS")?,
        }
        out.flush()?;
    }
    Ok(())
}
