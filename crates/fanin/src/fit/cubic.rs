//! Tables of positions for other grids: cubic convolution with a window that widens when it shrinks.
//!
//! Source: Keys 1981, IEEE TASSP 29(6), eq. 15, with a = −1/2. Image libraries widen the kernel by the scale when they make a
//! picture smaller, so that every element of the source counts; where a grid grows the two are the same.

/// How far the kernel reaches.
const REACH: f64 = 2.0;

/// Keys' a.
const A: f64 = -0.5;

fn kernel(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < REACH {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    } else {
        0.0
    }
}

/// The weights that each of `to` places gives to `from` places; those of one place add up to 1.
pub(super) fn rows(from: u64, to: u64) -> Vec<Vec<(u64, f64)>> {
    if from == to {
        return (0..to).map(|i| vec![(i, 1.0)]).collect();
    }
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let row = |i: u64| {
        let center = (i as f64 + 0.5) * scale;
        let low = (center - REACH * stretch + 0.5).max(0.0).floor() as u64;
        let high = ((center + REACH * stretch + 0.5).floor() as u64).min(from);
        let weight = |j: u64| kernel((j as f64 - center + 0.5) / stretch);
        let total: f64 = (low..high).map(weight).sum();
        (low..high).map(|j| (j, weight(j) / total)).filter(|(_, weight)| *weight != 0.0).collect()
    };
    (0..to).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_stays_straight_inside() {
        for (from, to) in [(7, 14), (14, 7), (14, 16), (24, 14)] {
            let rows = rows(from, to);
            for (i, row) in rows.iter().enumerate() {
                let sum: f64 = row.iter().map(|(_, weight)| weight).sum();
                assert!((sum - 1.0).abs() < 1e-12);
                let scale = from as f64 / to as f64;
                let center = (i as f64 + 0.5) * scale - 0.5;
                let reach = 2.0 * scale.max(1.0);
                if center - reach >= 0.0 && center + reach <= (from - 1) as f64 {
                    let value: f64 = row.iter().map(|(j, weight)| *j as f64 * weight).sum();
                    // A widened kernel is not exact on a line, only close.
                    assert!((value - center).abs() < 0.02, "{from} {to} {i}: {value} {center}");
                }
            }
        }
    }

    #[test]
    fn doubling_has_the_known_weights() {
        // Keys' kernel at −7/4, −3/4, 1/4 and 5/4, worked out by hand.
        let expected = vec![(2, -0.023_437_5), (3, 0.226_562_5), (4, 0.867_187_5), (5, -0.070_312_5)];
        assert_eq!(rows(8, 16)[8], expected);
        // Made half as fine, the kernel reaches twice as far.
        assert_eq!(rows(14, 7)[3].len(), 8);
    }
}
