//! Fills of memory already touched: laws, types, instruction sets, threads; and runs of a few elements.
//!
//! `cargo bench -p fanin --bench fill -- normal` runs those whose name contains `normal`.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use fanin::kernel::{self, Path};
use fanin::{Dist, Dtype, Stream};
use rayon::prelude::*;

/// Elements of a fill.
const ELEMENTS: usize = 1 << 24;
/// Elements that one task fills.
const TASK: usize = 1 << 16;

const UNIFORM: Dist = Dist::Uniform { low: -0.05, high: 0.05 };
const NORMAL: Dist = Dist::Normal { mean: 0.0, std: 0.02 };
const TRUNCATED: Dist = Dist::Truncated { mean: 0.0, std: 0.02, low: -0.04, high: 0.04 };
const SKEW: Dist = Dist::Truncated { mean: 0.0, std: 0.02, low: -0.02, high: 0.04 };
const ARCSINE: Dist = Dist::Arcsine { mean: 0.0, amplitude: 0.05 };

const PATHS: [(Path, usize); 6] =
    [(Path::Scalar, 1), (Path::Scalar, 2), (Path::Avx2, 1), (Path::Avx2, 2), (Path::Avx512, 1), (Path::Avx512, 2)];

fn main() {
    divan::main();
}

fn bench(bencher: Bencher, dist: Dist, dtype: Dtype, (path, threads): (Path, usize), elements: usize) {
    if !path.available() {
        return;
    }
    let Some(size) = dtype.size() else { return };
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else { return };
    let stream = Stream::new(1, "weight");
    let mut out = vec![1u8; elements * size];
    bencher.counter(BytesCount::new(elements * size)).bench_local(|| {
        let out = black_box(&mut out[..]);
        let task = |(k, out): (usize, &mut [u8])| kernel::fill_on(path, &dist, &stream, (k * TASK) as u64, dtype, out);
        if threads == 1 {
            out.chunks_mut(TASK * size).enumerate().try_for_each(task)
        } else {
            pool.install(|| out.par_chunks_mut(TASK * size).enumerate().try_for_each(task))
        }
    });
}

#[divan::bench(args = PATHS)]
fn uniform_f32(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, UNIFORM, Dtype::F32, path, ELEMENTS);
}

#[divan::bench(args = PATHS)]
fn uniform_bf16(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, UNIFORM, Dtype::Bf16, path, ELEMENTS);
}

#[divan::bench(args = PATHS)]
fn normal_f32(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, NORMAL, Dtype::F32, path, ELEMENTS);
}

#[divan::bench(args = PATHS)]
fn normal_bf16(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, NORMAL, Dtype::Bf16, path, ELEMENTS);
}

#[divan::bench(args = PATHS)]
fn truncated_f32(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, TRUNCATED, Dtype::F32, path, ELEMENTS);
}

#[divan::bench(args = PATHS)]
fn truncated_bf16(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, TRUNCATED, Dtype::Bf16, path, ELEMENTS);
}

#[divan::bench(args = PATHS)]
fn arcsine_f32(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, ARCSINE, Dtype::F32, path, ELEMENTS);
}

#[divan::bench(args = PATHS)]
fn arcsine_bf16(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, ARCSINE, Dtype::Bf16, path, ELEMENTS);
}

/// A cut that no vector kernel expresses: the binary64 quantile, one element at a time.
#[divan::bench(args = PATHS)]
fn skew_f32(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, SKEW, Dtype::F32, path, ELEMENTS / 16);
}

#[divan::bench(args = PATHS)]
fn normal_f64(bencher: Bencher, path: (Path, usize)) {
    bench(bencher, NORMAL, Dtype::F64, path, ELEMENTS / 16);
}

/// Runs of a few elements at odd places, as the rows of a shard are.
mod runs {
    use super::{Bencher, Dist, Dtype, ItemsCount, NORMAL, SKEW, Stream, TRUNCATED, black_box, kernel};

    const LENGTHS: [usize; 6] = [1, 3, 8, 32, 100, 1000];

    fn run(bencher: Bencher, dist: Dist, dtype: Dtype, len: usize) {
        let Some(size) = dtype.size() else { return };
        let stream = Stream::new(1, "weight");
        let mut out = vec![1u8; len * size];
        let mut start = 0;
        bencher.counter(ItemsCount::new(len)).bench_local(|| {
            start += 1003;
            kernel::fill(black_box(&dist), &stream, start, dtype, black_box(&mut out))
        });
    }

    #[divan::bench(args = LENGTHS)]
    fn normal_f32(bencher: Bencher, len: usize) {
        run(bencher, NORMAL, Dtype::F32, len);
    }

    #[divan::bench(args = LENGTHS)]
    fn truncated_bf16(bencher: Bencher, len: usize) {
        run(bencher, TRUNCATED, Dtype::Bf16, len);
    }

    #[divan::bench(args = LENGTHS)]
    fn skew_f32(bencher: Bencher, len: usize) {
        run(bencher, SKEW, Dtype::F32, len);
    }
}
