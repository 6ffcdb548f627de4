//! Rounding to the narrow types, at every number they hold, every tie between two, and the neighbours of these.

use fanin::Dtype;
use fanin::kernel::{Path, round_into_on};

/// Bits of the exponent and of the mantissa, the bias, and how many codes are finite.
fn format(dtype: Dtype) -> (u32, u32, i32, u32) {
    match dtype {
        Dtype::F16 => (5, 10, 15, 0x7c00),
        Dtype::Bf16 => (8, 7, 127, 0x7f80),
        Dtype::F8E4m3 => (4, 3, 7, 0x7f),
        _ => (5, 2, 15, 0x7c),
    }
}

/// The number that a code without sign stands for, by the definition of such formats.
fn number(code: u32, dtype: Dtype) -> f64 {
    let (_, digits, bias, _) = format(dtype);
    let (exponent, mantissa) = ((code >> digits) as i32, f64::from(code & ((1 << digits) - 1)));
    let ulp = |e: i32| 2f64.powi(e - bias - digits as i32);
    if exponent == 0 { mantissa * ulp(1) } else { (mantissa + f64::from(1 << digits)) * ulp(exponent) }
}

fn rounded(path: Path, values: &[f32], dtype: Dtype) -> Vec<u32> {
    let size = dtype.size().unwrap();
    let mut bytes = vec![0; values.len() * size];
    round_into_on(path, values, dtype, &mut bytes).unwrap();
    bytes.chunks(size).map(|b| b.iter().rev().fold(0, |sum, &b| sum << 8 | u32::from(b))).collect()
}

fn check(dtype: Dtype, cases: &[(f32, u32)]) {
    let (exponent, digits, ..) = format(dtype);
    for path in Path::ALL.into_iter().filter(|path| path.available()) {
        for sign in [1.0, -1.0] {
            let values: Vec<f32> = cases.iter().map(|&(x, _)| sign * x).collect();
            let bit = if sign < 0.0 { 1 << (exponent + digits) } else { 0 };
            for ((value, got), (_, want)) in values.iter().zip(rounded(path, &values, dtype)).zip(cases) {
                assert_eq!(got, want | bit, "{value:e} as {dtype} by {path:?}: {got:x}, not {:x}", want | bit);
            }
        }
    }
}

#[test]
fn every_number_every_tie_and_their_neighbours() {
    for dtype in [Dtype::F16, Dtype::Bf16, Dtype::F8E4m3, Dtype::F8E5m2] {
        let (.., finite) = format(dtype);
        let mut cases = Vec::new();
        for code in 0..finite - 1 {
            let (low, high) = (number(code, dtype), number(code + 1, dtype));
            let tie = (0.5 * (low + high)) as f32;
            assert_eq!(f64::from(tie), 0.5 * (low + high), "ties are binary32 numbers");
            cases.extend([(low as f32, code), ((low as f32).next_up(), code), (tie.next_down(), code)]);
            cases.extend([(tie, code + (code & 1)), (tie.next_up(), code + 1), (high as f32, code + 1)]);
        }
        // next_up(0) is its own neighbour of a tie in no format, but is 0 in all.
        check(dtype, &cases);
    }
}

#[test]
fn too_large_numbers() {
    let largest = |dtype: Dtype| dtype.largest().unwrap() as f32;
    for (dtype, over) in [(Dtype::F16, 0x7c00), (Dtype::F8E4m3, 0x7e), (Dtype::F8E5m2, 0x7b)] {
        check(dtype, &[(largest(dtype) * 1.5, over), (f32::MAX, over), (f32::INFINITY, over)]);
    }
    check(Dtype::Bf16, &[(f32::MAX, 0x7f80), (f32::INFINITY, 0x7f80), (largest(Dtype::Bf16), 0x7f7f)]);
    check(Dtype::F16, &[(65519.996, 0x7bff), (65520.0, 0x7c00)]);
}

#[test]
fn numbers_of_all_sizes_by_all_instruction_sets() {
    // Every 4099th pattern of binary32: subnormals, infinities' neighbours, NaN with and without payload.
    let values: Vec<f32> =
        (0..u32::MAX / 4099).map(|k| f32::from_bits(k * 4099)).chain([f32::NAN, -0.0, 0.0]).collect();
    for dtype in [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::F8E4m3, Dtype::F8E5m2] {
        let size = dtype.size().unwrap();
        let mut expected = vec![0; values.len() * size];
        round_into_on(Path::Scalar, &values, dtype, &mut expected).unwrap();
        for path in Path::ALL.into_iter().filter(|path| path.available()) {
            let mut got = vec![0; values.len() * size];
            round_into_on(path, &values, dtype, &mut got).unwrap();
            let at = got.iter().zip(&expected).position(|(a, b)| a != b);
            assert_eq!(at.map(|at| values[at / size].to_bits()), None, "{dtype} by {path:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(round_into_on(Path::Scalar, &[1.0], Dtype::I32, &mut [0; 4]).is_err());
    assert!(round_into_on(Path::Scalar, &[1.0], Dtype::Bf16, &mut [0; 3]).is_err());
    assert!(round_into_on(Path::Scalar, &[1.0, 2.0], Dtype::F16, &mut [0; 2]).is_err());
}
