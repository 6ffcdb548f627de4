//! Lines of eight heights, for a row of numbers in a line of text.

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Longer rows are thinned out.
const WIDEST: usize = 60;

/// Heights by the logarithm: what is a hundred times as large is as much higher wherever it is. Zeros are gaps.
pub(crate) fn by_size(values: &[f64]) -> String {
    let logs: Vec<f64> = thinned(values).map(|value| if value > 0.0 { value.log10() } else { f64::NAN }).collect();
    // A decade at least, so that a flat row looks flat.
    let (low, high) = ends(&logs);
    let middle = f64::midpoint(low, high);
    let half = (high - low).max(1.0) / 2.0;
    logs.iter().map(|&x| height((x - middle + half) / (2.0 * half))).collect()
}

/// Heights from 0 to the largest, or to 1 if all are shares.
pub(crate) fn by_share(values: &[f64]) -> String {
    let all: Vec<f64> = thinned(values).collect();
    let (_, high) = ends(&all);
    let top = if high <= 1.0 { 1.0 } else { high };
    all.iter().map(|&x| height(x.clamp(0.0, top) / top)).collect()
}

fn thinned(values: &[f64]) -> impl Iterator<Item = f64> + '_ {
    let step = values.len().div_ceil(WIDEST).max(1);
    values.iter().copied().step_by(step)
}

fn ends(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().copied().filter(|x| x.is_finite());
    (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max))
}

fn height(share: f64) -> char {
    if !share.is_finite() {
        return ' ';
    }
    HEIGHTS[((share * 8.0) as usize).min(7)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_follow_the_numbers() {
        assert_eq!(by_size(&[1.0, 1e-3, 1e-6, 0.0]), "█▅▁ ");
        assert_eq!(by_size(&[1.0, 1.0]), "▅▅");
        assert_eq!(by_share(&[0.0, 0.5, 1.0]), "▁▅█");
        assert_eq!(by_share(&[3.0, 6.0]), "▅█");
        assert!(by_size(&[]).is_empty() && by_share(&[f64::NAN]) == " ");
        assert!(by_size(&vec![1.0; 500]).chars().count() <= WIDEST);
    }
}
