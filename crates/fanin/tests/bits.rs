//! The same bits by every instruction set, from every start, at every length.

use fanin::kernel::{self, Path};
use fanin::{Dist, Dtype, Stream};
use proptest::prelude::*;

const FLOATS: [Dtype; 6] = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::F8E4m3, Dtype::F8E5m2];

/// Laws that between them take every branch of the kernels.
fn laws() -> Vec<Dist> {
    let inf = f64::INFINITY;
    vec![
        Dist::Constant(0.1),
        Dist::Uniform { low: -0.05, high: 0.05 },
        Dist::Uniform { low: 1.0, high: 1.0 + 2e-7 },
        Dist::Normal { mean: 0.0, std: 0.02 },
        Dist::Normal { mean: 1.0, std: 3.0 },
        Dist::Truncated { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 },
        Dist::Truncated { mean: 0.5, std: 0.02, low: -2.0, high: 2.0 },
        Dist::Truncated { mean: 0.0, std: 1.0, low: -4.8, high: 4.8 },
        Dist::Truncated { mean: 0.0, std: 1.0, low: -1.0, high: 3.0 },
        Dist::Truncated { mean: 0.0, std: 1.0, low: 9.0, high: inf },
        Dist::Arcsine { mean: 0.25, amplitude: 0.5 },
    ]
}

fn bytes(path: Path, dist: &Dist, stream: &Stream, start: u64, dtype: Dtype, len: usize) -> Vec<u8> {
    // One byte too many in front, so that the buffer is not aligned to its elements.
    let mut out = vec![0xa5; len * dtype.size().unwrap() + 1];
    kernel::fill_on(path, dist, stream, start, dtype, &mut out[1..]).unwrap();
    out.split_off(1)
}

/// Compared as text of the first difference, so that a failure shows one line and not megabytes.
fn same(a: &[u8], b: &[u8], what: &str) {
    if let Some(at) = a.iter().zip(b).position(|(x, y)| x != y) {
        panic!("{what}: byte {at} of {} differs", a.len());
    }
    assert_eq!(a.len(), b.len(), "{what}");
}

#[test]
fn all_instruction_sets_agree_on_many_values() {
    // Enough for each of them to meet tails that its tables do not hold (one in 2^16 with AVX-512).
    const LEN: usize = 1 << 18;
    for dist in laws() {
        for dtype in [Dtype::F32, Dtype::Bf16] {
            let stream = Stream::new(3, "weight");
            let scalar = bytes(Path::Scalar, &dist, &stream, 5, dtype, LEN);
            for path in Path::ALL.into_iter().filter(|path| path.available()) {
                same(&scalar, &bytes(path, &dist, &stream, 5, dtype, LEN), &format!("{dist} {dtype} {path:?}"));
            }
        }
    }
}

#[test]
fn the_counter_carries() {
    // Blocks on either side of 2^32, where the second word of the counter changes.
    let start = (1u64 << 34) - 70;
    for path in Path::ALL {
        let stream = Stream::new(1, "a");
        let dist = Dist::Uniform { low: -1.0, high: 1.0 };
        let whole = bytes(path, &dist, &stream, start, Dtype::F32, 200);
        for at in [0usize, 1, 66, 69, 70, 71, 130] {
            let part = bytes(Path::Scalar, &dist, &stream, start + at as u64, Dtype::F32, 1);
            same(&part, &whole[4 * at..4 * at + 4], &format!("{path:?} at {at}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_part_has_the_bits_it_has_in_the_whole(
        seed: u64,
        law in 0usize..11,
        dtype in 0usize..6,
        start in prop_oneof![0u64..5000, 0u64..1 << 50],
        skip in 0u64..2500,
        len in prop_oneof![0usize..70, 0usize..2500],
    ) {
        let (dist, dtype, stream) = (laws()[law], FLOATS[dtype], Stream::new(seed, "p"));
        let size = dtype.size().unwrap();
        let whole = bytes(Path::Scalar, &dist, &stream, start, dtype, skip as usize + len);
        for path in Path::ALL {
            let part = bytes(path, &dist, &stream, start + skip, dtype, len);
            prop_assert_eq!(&part[..], &whole[skip as usize * size..], "{:?} {} {}", path, dist, dtype);
        }
    }

    #[test]
    fn numbers_and_bytes_are_the_same(law in 0usize..11, start in 0u64..5000, len in 0usize..3000) {
        let (dist, stream) = (laws()[law], Stream::new(9, "p"));
        let mut floats = vec![0f32; len];
        kernel::fill_f32(&dist, &stream, start, &mut floats).unwrap();
        let stored = bytes(Path::best(), &dist, &stream, start, Dtype::F32, len);
        let expected: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
        prop_assert_eq!(stored, expected);
        for dtype in [Dtype::F16, Dtype::Bf16, Dtype::F8E4m3, Dtype::F8E5m2] {
            let mut rounded = vec![0; len * dtype.size().unwrap()];
            kernel::round_into(&floats, dtype, &mut rounded).unwrap();
            prop_assert_eq!(rounded, bytes(Path::best(), &dist, &stream, start, dtype, len), "{}", dtype);
        }
    }
}
