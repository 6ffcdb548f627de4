//! How long an orthogonal matrix takes, and a shard of one.

use divan::Bencher;
use divan::counter::ItemsCount;
use fanin::structure::{Layout, Orthogonal};
use fanin::{Region, Stream, Structure};

fn main() {
    divan::main();
}

fn law(rows: u64, cols: u64) -> Orthogonal {
    let layout = Layout::matrix(rows, cols, false).expect("two axes, each named once");
    Orthogonal::new(layout, 1.0).expect("the gain is finite and the side short")
}

/// Prepared and filled, into memory that is already there.
#[divan::bench(args = [(256, 256), (1024, 1024), (4096, 4096), (50257, 768), (768, 50257)], sample_count = 7, sample_size = 1)]
fn whole(bencher: Bencher, (rows, cols): (u64, u64)) {
    let law = law(rows, cols);
    let mut out = vec![0.0; (rows * cols) as usize];
    bencher.counter(ItemsCount::new(rows * cols)).bench_local(|| {
        law.prepare(Stream::new(0, "weight")).fill(&Region::All, &mut out);
    });
}

/// What all shards share.
#[divan::bench(args = [1024, 4096], sample_count = 7, sample_size = 1)]
fn prepare(bencher: Bencher, n: u64) {
    let law = law(n, n);
    bencher.bench_local(|| divan::black_box(law.prepare(Stream::new(0, "weight"))).fill(&Region::Flat(0..0), &mut []));
}

/// One eighth of the rows of a square matrix that is prepared.
#[divan::bench(args = [1024, 4096], sample_count = 7, sample_size = 1)]
fn eighth(bencher: Bencher, n: u64) {
    let law = law(n, n);
    let prepared = law.prepare(Stream::new(0, "weight"));
    let region = Region::boxed(&[n / 2..n / 2 + n / 8, 0..n]);
    let mut out = vec![0.0; (n * n / 8) as usize];
    bencher.counter(ItemsCount::new(n * n / 8)).bench_local(|| prepared.fill(&region, &mut out));
}
