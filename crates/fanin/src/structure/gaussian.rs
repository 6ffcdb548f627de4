//! Standard normal values by index, for the structures.

use crate::stream::Stream;

/// Fills `out` with the standard normal values of the elements `start`, `start + 1`, … of `stream`.
pub(crate) fn gaussian(stream: &Stream, start: u64, out: &mut [f32]) {
    // Stand-in until the shared kernel is here: the quantile in double precision.
    for (i, out) in (start..).zip(out) {
        *out = quantile((f64::from(stream.word(i)) + 0.5) / 4_294_967_296.0) as f32;
    }
}

/// Wichura 1988, algorithm AS 241, PPND7.
fn quantile(u: f64) -> f64 {
    let q = u - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        let p = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179;
        let d = ((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0;
        return q * p / d;
    }
    let r = (-(if q < 0.0 { u } else { 1.0 - u }).ln()).sqrt();
    let value = if r <= 5.0 {
        let r = r - 1.6;
        (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777)
            / ((0.12021132975 * r + 0.73700164250) * r + 1.0)
    } else {
        let r = r - 5.0;
        (((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150)
            / ((0.012258202635 * r + 0.24197894225) * r + 1.0)
    };
    if q < 0.0 { -value } else { value }
}
