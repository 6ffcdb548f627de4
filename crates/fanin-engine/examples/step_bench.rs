//! Times of training steps: forward, backward and gradient descent on a batch of 128, for `benches/peers/engine.py`.
//!
//! `step_bench mlp|cnn STEPS [THREADS]` prints the milliseconds of each step.

#[path = "../benches/networks/mod.rs"]
mod networks;

use fanin_engine::Error;
use networks::Bench;
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "the figures that are asked for")]
fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |i: usize| arguments.get(i).and_then(|a| a.parse().ok());
    let (which, steps) = (arguments.get(1).map_or("mlp", String::as_str), number(2).unwrap_or(20));
    if let Some(threads) = number(3) {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("the first use of threads");
    }
    let bench = Bench::new(which)?;
    let mut trainer = bench.trainer(steps as u64)?;
    for _ in 0..steps {
        let start = Instant::now();
        bench.step(&mut trainer)?;
        println!("{:.3}", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}
