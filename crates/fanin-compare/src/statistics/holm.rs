//! [`holm`]: what probabilities mean when there are many.

/// Probabilities that hold for all questions together: if nothing differs, the chance that any of them falls below a level
/// is at most that level.
///
/// # Formula
/// In rising order, p̃₍ᵢ₎ = maxⱼ≤ᵢ min(1, (m − j + 1)·p₍ⱼ₎).
///
/// # Source
/// Holm 1979, Scandinavian Journal of Statistics 6 (2).
///
/// # Example
/// ```
/// let adjusted = fanin_compare::statistics::holm(&[0.04, 0.01, 0.03]);
/// assert_eq!(adjusted, [0.06, 0.03, 0.06]);
/// ```
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let mut adjusted = vec![0.0; probabilities.len()];
    let mut largest = 0.0f64;
    for (rank, &at) in order.iter().enumerate() {
        largest = largest.max(((order.len() - rank) as f64 * probabilities[at]).min(1.0));
        adjusted[at] = largest;
    }
    adjusted
}
