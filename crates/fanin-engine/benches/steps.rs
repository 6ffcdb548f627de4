//! How long forward passes and training steps take: `cargo bench -p fanin-engine`.

mod networks;

use divan::Bencher;
use networks::Bench;

fn main() {
    divan::main();
}

const NETWORKS: [&str; 2] = ["mlp", "cnn"];

#[divan::bench(args = NETWORKS)]
fn forward(bencher: Bencher<'_, '_>, which: &str) {
    let bench = Bench::new(which).expect("a network");
    bencher.bench_local(|| {
        let run = bench.program.run(&bench.constants, &bench.batch, fanin_engine::Options::default());
        run.and_then(|mut run| run.outputs()).expect("outputs")
    });
}

#[divan::bench(args = NETWORKS)]
fn step(bencher: Bencher<'_, '_>, which: &str) {
    let bench = Bench::new(which).expect("a network");
    let mut trainer = bench.trainer(1 << 40).expect("a trainer");
    bencher.bench_local(|| bench.step(&mut trainer).expect("a step"));
}
