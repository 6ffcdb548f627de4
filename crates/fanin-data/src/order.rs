//! Which row goes where: a pure function of the seed, the same on every machine.

use fanin::Stream;

/// The rows in an order that depends only on the seed and the epoch.
///
/// Each row gets 64 random bits, its words in the stream `data order, epoch N`, and the rows are sorted by them; equal bits,
/// one chance in 2⁶⁴ for a pair, leave the order of the rows.
///
/// # Example
/// ```
/// let rows = [10, 11, 12, 13];
/// assert_eq!(fanin_data::order(7, 0, &rows), fanin_data::order(7, 0, &rows));
/// assert_ne!(fanin_data::order(7, 0, &rows), fanin_data::order(7, 1, &rows));
/// ```
pub fn order(seed: u64, epoch: u64, rows: &[usize]) -> Vec<usize> {
    shuffled(Stream::new(seed, &format!("data order, epoch {epoch}")), rows)
}

/// The rows `0..count` in two parts, for training and for testing, each in rising order.
///
/// The second has `share` of the rows, rounded, but at least one, as has the first if there are two rows or more.
pub fn split(seed: u64, count: usize, share: f64) -> (Vec<usize>, Vec<usize>) {
    let all: Vec<usize> = (0..count).collect();
    let mut train = shuffled(Stream::new(seed, "data split"), &all);
    let wanted = (count as f64 * share).round() as usize;
    let most = count.saturating_sub(1);
    let mut test = train.split_off(count - wanted.clamp(most.min(1), most));
    train.sort_unstable();
    test.sort_unstable();
    (train, test)
}

fn shuffled(stream: Stream, rows: &[usize]) -> Vec<usize> {
    let low = stream.lane(1);
    let mut keyed: Vec<(u64, usize)> = (rows.iter().enumerate())
        .map(|(i, &row)| (u64::from(stream.word(i as u64)) << 32 | u64::from(low.word(i as u64)), row))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_order_is_pinned() {
        let rows: Vec<usize> = (0..10).collect();
        // By an implementation of Philox in Python, from the definition.
        assert_eq!(order(0, 0, &rows), [4, 1, 2, 7, 3, 9, 5, 8, 6, 0]);
        assert_eq!(order(0, 1, &rows), [4, 2, 8, 5, 1, 3, 6, 9, 7, 0]);
        assert_eq!(split(0, 10, 0.3), (vec![0, 1, 2, 3, 4, 5, 9], vec![6, 7, 8]));
    }

    #[test]
    fn every_row_goes_everywhere_equally_often() {
        // Where row 0 stands among 8, over many epochs: chi-square with 7 degrees of freedom, 0.001 at 24.3.
        let rows: Vec<usize> = (0..8).collect();
        let mut seen = [0f64; 8];
        for epoch in 0..4000 {
            seen[order(3, epoch, &rows).iter().position(|&row| row == 0).unwrap()] += 1.0;
        }
        let chi: f64 = seen.iter().map(|n| (n - 500.0).powi(2) / 500.0).sum();
        assert!(chi < 24.3, "{seen:?}");
    }

    proptest! {
        #[test]
        fn an_order_has_every_row_once(seed: u64, epoch: u64, count in 0usize..200) {
            let rows: Vec<usize> = (0..count).map(|i| 3 * i).collect();
            let mut again = order(seed, epoch, &rows);
            again.sort_unstable();
            prop_assert_eq!(again, rows);
        }

        #[test]
        fn a_split_has_every_row_once_and_two_parts(seed: u64, count in 2usize..200, share in 0.0f64..=1.0) {
            let (train, test) = split(seed, count, share);
            prop_assert!(!train.is_empty() && !test.is_empty());
            prop_assert!((test.len() as f64 - count as f64 * share).abs() <= 1.0);
            let mut all = [train, test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
