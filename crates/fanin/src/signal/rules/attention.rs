//! Softmax over scores, masks before it, and `Where`.
//!
//! # Formula
//! For n independent normal scores of variance τ²: E\[p²\] = ∫ u φ₂(u) φ₀(u)ⁿ⁻¹ du with φₖ(u) = E\[e^{kτz} exp(−u e^{τz})\].
//! Rows sum to 1, which gives the moment of two keys. With a causal mask the t-th query averages over t keys.
//!
//! # Assumes
//! The scores of a row are alike and, but for a common part that softmax does not see, independent. What is attended to
//! does not depend on the scores.

use super::super::array::{Array, Causal};
use super::super::contract::product;
use super::super::flow::{Flow, Mask, MaskKind, State};
use super::super::function::density;
use super::super::profile::Profile;
use super::super::view::View;
use super::{Gradients, Outcome, Rule};
use crate::gain::integral_nodes;
use crate::law::Acts;
use crate::numerics::{exp, ln};

pub(super) const RULES: &[Rule] = &[
    Rule { ops: &["Softmax"], forward: softmax, backward: softmax_back },
    Rule { ops: &["LogSoftmax"], forward: log_softmax, backward: log_softmax_back },
    Rule { ops: &["Where"], forward: choose, backward: choose_back },
];

/// Marks the last two dimensions as queries and keys of a mask, if it is known what it hides.
pub(super) fn masked(array: &Array, mask: &Mask) -> Array {
    let mut array = array.clone();
    let keys = match (mask.kind, &mask.rows) {
        (MaskKind::Causal, _) => Causal::Key,
        (MaskKind::Some, Some(rows)) => Causal::Some(rows.clone()),
        _ => return array,
    };
    let rank = array.rank();
    if let Some(last) = rank.checked_sub(1) {
        array = array.flat(last);
        if let Some(before) = rank.checked_sub(2) {
            array = array.flat(before);
            array.dims[before].iter_mut().for_each(|atom| atom.causal = Causal::Query);
        }
        array.dims[last].iter_mut().for_each(|atom| atom.causal = keys.clone());
    }
    array
}

/// E\[p²\] of one of `n` softmaxed normal scores of variance `tau2`.
pub(super) fn power(n: f64, tau2: f64) -> f64 {
    powers(n, tau2).square
}

/// What softmax does with independent normal scores, for one of them.
struct Powers {
    /// E\[p²\].
    square: f64,
    /// E\[p² (1 − 2p + Σ p²)\]: the second moment of its gradient p (g − Σ p g), for independent g of second moment 1.
    gradient: f64,
}

/// # Formula
/// E\[p³\] = ½ ∫ u² φ₃ φ₀ⁿ⁻¹ du, E\[p⁴\] = ⅙ ∫ u³ φ₄ φ₀ⁿ⁻¹ du, and of two keys E\[p² p′²\] = ⅙ ∫ u³ φ₂² φ₀ⁿ⁻² du.
fn powers(n: f64, tau2: f64) -> Powers {
    if n <= 1.0 {
        return Powers { square: 1.0, gradient: 0.0 };
    }
    let tau = tau2.min(400.0).sqrt();
    if tau < 1e-4 {
        let square = (1.0 + tau2 * (1.0 - 1.0 / n)) / (n * n);
        return Powers { square, gradient: square * (1.0 - 1.0 / n) };
    }
    let (zs, weights) = integral_nodes(&(0..=8).map(|i| -8.0 + 2.0 * f64::from(i)).collect::<Vec<_>>());
    let normal: Vec<(f64, f64)> =
        zs.iter().zip(weights).map(|(&z, w)| (exp(tau * z), w * density(z))).filter(|(_, w)| *w > 1e-18).collect();
    // u = e^w: the integrand lives where u times the sum of all exponentials is near 1.
    let centre = -ln(n) - 0.5 * tau2.min(2.0 * ln(n) + 8.0);
    let (ws, steps) = integral_nodes(
        &(0..=6).map(|i| centre - 12.0 - 2.0 * tau + (24.0 + 4.0 * tau) * f64::from(i) / 6.0).collect::<Vec<_>>(),
    );
    let (mut square, mut gradient) = (0.0, 0.0);
    for (w, step) in ws.iter().zip(steps) {
        let u = exp(*w);
        // φ₀, and uᵏ φₖ for k from 2 to 4.
        let mut phi = [0.0; 4];
        for &(e, weight) in &normal {
            let (decay, x) = (weight * exp(-u * e), u * e);
            phi.iter_mut().zip([1.0, x * x, x * x * x, x * x * x * x]).for_each(|(sum, power)| *sum += decay * power);
        }
        let [none, two, three, four] = phi;
        if none > 0.0 && two > 0.0 {
            let others = step * exp((n - 1.0) * ln(none));
            square += others * two;
            gradient += others * (two - three + four / 6.0 + (n - 1.0) * two * two / (6.0 * none));
        }
    }
    let square = square.clamp(1.0 / (n * n), 1.0 / n);
    Powers { square, gradient: gradient.clamp(0.0, square * (1.0 - 1.0 / n)) }
}

/// Row lengths that stand for 1 … n: their weights, denser where rows are short.
fn rows(n: u64) -> Vec<(f64, f64)> {
    if n <= 24 {
        return (1..=n).map(|t| (t as f64, 1.0 / n as f64)).collect();
    }
    let ratio = n as f64 / 8.0;
    let steps = 12;
    let mut rows: Vec<(f64, f64)> = (1..=8).map(|t| (f64::from(t), 1.0 / n as f64)).collect();
    let mut before = 8.0;
    for i in 1..=steps {
        let end = 8.0 * exp(ln(ratio) * f64::from(i) / f64::from(steps));
        rows.push((f64::midpoint(before, end), (end - before) / n as f64));
        before = end;
    }
    rows
}

/// How many keys the queries see, and the share of each number.
fn lengths(n: u64, keys: &Causal) -> Vec<(f64, f64)> {
    match keys {
        Causal::Key => rows(n),
        Causal::Some(seen) => seen.iter().map(|&(t, share)| (t.max(1.0), share)).collect(),
        Causal::Free | Causal::Query => vec![(n as f64, 1.0)],
    }
}

/// Moments of the weights: of one, of one key for two queries, given how alike their scores are.
struct Weights {
    /// E\[p²\], averaged over queries.
    own: f64,
    /// E\[p p′\] of one key for two queries with independent scores.
    apart: f64,
    /// The same for equal scores.
    equal: f64,
}

fn moments(n: u64, tau2: f64, keys: &Causal) -> Weights {
    let size = n as f64;
    match keys {
        Causal::Key => {}
        Causal::Some(seen) => {
            let over =
                |f: &dyn Fn(f64) -> f64| seen.iter().map(|&(t, share)| share * f(t.max(1.0))).sum::<f64>() / size;
            // Two queries see the same keys if they are of one group, and none in common otherwise.
            let together = |t: f64| (t - 1.0) / (size - 1.0).max(1.0);
            return Weights {
                own: over(&|t| t * power(t, tau2)),
                apart: over(&|t| together(t) / t),
                equal: over(&|t| together(t) * t * power(t, tau2)),
            };
        }
        _ => {
            let own = power(size, tau2);
            return Weights { own, apart: 1.0 / (size * size), equal: own };
        }
    }
    let own: f64 = rows(n).iter().map(|(t, share)| share * t / size * power(*t, tau2)).sum();
    // Two rows of lengths s < t share their first s keys, 1/(s t) each: the mean of 1/t over t, s up to t times in t.
    let pairs: f64 = rows(n).iter().map(|(t, share)| share * 2.0 * (t - 1.0) / (size - 1.0).max(1.0) / t).sum();
    let apart = pairs / size;
    Weights { own, apart, equal: apart * own * size * size / (1.0 + ln(size)).max(1.0) }
}

fn axis(view: &View, rank: usize) -> Option<usize> {
    View::axis(view.node.int("axis").unwrap_or(-1), rank)
}

fn softmax(view: &View) -> Outcome {
    let state = view.signal(0)?;
    let dim = axis(view, state.array.rank()).ok_or("its axis is not one of its input")?;
    let x = state.array.flat(dim);
    let n = x.size(dim);
    let size = n as f64;
    if n <= 1 {
        return view.one(Some(x.with(1.0, |_| 1.0)));
    }
    let bit = 1usize << x.place(dim).0;
    let full = x.full();
    let tau2 = (x.table[full] - x.table[full & !bit]).max(0.0);
    let keys = x.dims[dim].first().map_or(Causal::Free, |atom| atom.causal.clone());
    let query = x.atoms().position(|atom| atom.causal == Causal::Query).map_or(0, |i| 1usize << i);
    let weights = moments(n, tau2, &keys);
    let seen = lengths(n, &keys);
    let mut table = vec![0.0; x.table.len()];
    for set in (0..table.len()).filter(|set| set & bit != 0) {
        // How alike the scores of the two rows are, less the part that softmax does not see.
        let alike = if tau2 > 0.0 { ((x.table[set] - x.table[set & !bit]) / tau2).clamp(0.0, 1.0) } else { 1.0 };
        let one_row = query == 0 || set & query != 0;
        let (apart, equal) = if keys != Causal::Free && one_row {
            // Two samples at one query see the same keys: 1/t² each.
            (seen.iter().map(|(t, share)| share / (t * size)).sum(), weights.own)
        } else {
            (weights.apart, weights.equal)
        };
        table[set] = if set == full { weights.own } else { apart + (equal - apart) * grown(alike, tau2) };
        // Each row sums to 1.
        table[set & !bit] = (1.0 - size * table[set]) / (size * (size - 1.0));
    }
    let mut y = Array { dims: x.dims.clone(), mean: 1.0 / size, table, pair: None }.without_pair().even();
    if keys == Causal::Key {
        uneven(&mut y, n, tau2);
    }
    view.one(Some(y))
}

/// How Σ p² differs from query to query, and how often a key is seen: early queries see few keys, and late keys are seen by
/// few queries.
fn uneven(p: &mut Array, n: u64, tau2: f64) {
    let rows = rows(n);
    let mut runs: Vec<(u64, f64)> = Vec::new();
    let (mut seen, mut done) = (0.0, 0);
    for (t, share) in &rows {
        seen += share * n as f64;
        let end = (seen.round() as u64).min(n);
        runs.push((end - done, power(*t, tau2)));
        done = end;
    }
    let mut later = 0.0;
    let mut keys: Vec<(u64, f64)> = Vec::new();
    for &(len, power) in runs.iter().rev() {
        later += len as f64 * power;
        keys.push((len, later - 0.5 * (len as f64 - 1.0).max(0.0) * power));
    }
    keys.reverse();
    let mut t = 0.0;
    let queries = runs.iter().map(|&(len, power)| {
        t += len as f64;
        (len, (t - 0.5 * (len as f64 - 1.0)) * power)
    });
    let queries = Profile::new(queries.collect::<Vec<_>>()).0;
    let keys = Profile::new(keys).0;
    for atom in p.dims.iter_mut().flatten() {
        match atom.causal {
            Causal::Query => atom.profile.clone_from(&queries),
            Causal::Key => atom.profile.clone_from(&keys),
            Causal::Free | Causal::Some(_) => {}
        }
    }
}

/// (e^{ρτ²} − 1)/(e^{τ²} − 1): how far exponentials follow their exponents.
fn grown(rho: f64, tau2: f64) -> f64 {
    let tau2 = tau2.min(50.0);
    if tau2 < 1e-6 { rho } else { (exp(rho * tau2) - 1.0) / (exp(tau2) - 1.0) }
}

fn softmax_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let (p, x) = (view.made(0)?, view.array(0).ok()?);
    let dim = axis(view, x.rank())?;
    let g = gradient.flat(dim);
    let bit = g.mask(&[dim]);
    if bit == 0 {
        return Some(vec![(0, gradient.affine(0.0, 0.0))]);
    }
    // p (g − Σ p g): what all keys of a row have in common is taken away, and of the rest the share of one key.
    let of = x.flat(dim);
    let tau2 = (of.second() - of.table[of.full() & !of.mask(&[dim])]).max(0.0);
    let size = p.size(dim) as f64;
    let keys = p.atoms().map(|atom| &atom.causal).find(|own| matches!(own, Causal::Key | Causal::Some(_)));
    let lengths = lengths(p.size(dim), keys.unwrap_or(&Causal::Free));
    let weigh = |(t, share): (f64, f64)| {
        let Powers { square, gradient } = powers(t, tau2);
        (share * t * square, share * t * gradient)
    };
    let (all, left) = lengths.into_iter().map(weigh).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    let kept = left / all;
    let mut rest = g.clone();
    for (set, k) in rest.table.iter_mut().enumerate() {
        let alone = g.table[set | bit] - g.table[set & !bit];
        *k = if set & bit != 0 { alone * kept } else { 0.0 };
    }
    let mut back = product(&rest, p)?.without_mask();
    // The gradients of a row's scores sum to 0, so what its keys have in common does not count.
    let bit = back.mask(&[dim]);
    for set in (0..back.table.len()).filter(|set| set & bit != 0) {
        back.table[set & !bit] = -back.table[set] / (size - 1.0).max(1.0);
    }
    Some(vec![(0, back)])
}

fn log_softmax(view: &View) -> Outcome {
    let x = view.array(0)?;
    let dim = axis(view, x.rank()).ok_or("its axis is not one of its input")?;
    let x = x.flat(dim);
    let bit = x.mask(&[dim]);
    let tau2 = (x.second() - x.table[x.full() & !bit]).max(0.0);
    let shift = -(ln(x.size(dim) as f64) + 0.5 * tau2);
    let mut y = x.clone().without_pair();
    for (set, k) in y.table.iter_mut().enumerate() {
        *k = if bit == 0 {
            0.0
        } else if set & bit != 0 {
            x.table[set] - x.table[set & !bit]
        } else {
            0.0
        };
    }
    y.mean = 0.0;
    view.one(Some(y.affine(1.0, shift)))
}

fn log_softmax_back(_: &View, gradients: &[Option<Array>]) -> Gradients {
    // g − p Σ g: with many classes the sum hardly counts.
    Some(vec![(0, gradients.first()?.clone()?)])
}

fn choose(view: &View) -> Outcome {
    let Some(mask) = view.mask(0) else {
        return Err("its condition is not one that is known".into());
    };
    let side = |input: usize| view.flow(input);
    let picked = match (mask.kind, side(1), side(2)) {
        (MaskKind::Never, _, Some(flow)) | (MaskKind::Always, Some(flow), _) => Some(flow.clone()),
        (_, Some(Flow::Mask(a)), Some(Flow::Signal(b))) if a.kind == MaskKind::Floor => Some(held(b, &mask.negated())),
        (_, Some(Flow::Signal(a)), Some(Flow::Mask(b))) if b.kind == MaskKind::Floor => Some(held(a, mask)),
        (_, Some(Flow::Mask(a)), Some(Flow::Mask(b))) if a.kind == MaskKind::Floor || b.kind == MaskKind::Floor => {
            Some(Flow::Mask(mask.clone()))
        }
        (_, Some(Flow::Signal(a)), Some(Flow::Mask(own))) | (_, Some(Flow::Mask(own)), Some(Flow::Signal(a)))
            if a.array.value().is_some() =>
        {
            Some(Flow::Mask(own.clone()))
        }
        _ => None,
    };
    match picked {
        Some(Flow::Unknown(unknown)) => Err(super::super::view::Why::Before(unknown)),
        Some(flow) => Ok(vec![flow]),
        None => {
            view.signal(1)?;
            view.signal(2)?;
            Err("its condition is not one that is known".into())
        }
    }
}

/// Scores where the mask lets them through; what does not depend on the model's inputs is a mask itself.
fn held(state: &State, mask: &Mask) -> Flow {
    if state.array.value().is_some() || state.array.correlation() >= 1.0 {
        return Flow::Mask(mask.clone());
    }
    let array = masked(&state.array, mask);
    Flow::Signal(State { array, root: state.root, program: state.program.clone(), acts: Acts::Freely, law: None })
}

fn choose_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.clone()?;
    let mask = view.mask(0)?;
    let input = match mask.kind {
        MaskKind::Never => 2,
        MaskKind::Always => 1,
        _ if view.mask(1).is_some() => 2,
        _ => 1,
    };
    Some(vec![(input, gradient.without_mask())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_share_equally() {
        for n in [2.0, 7.0, 1000.0] {
            assert!((power(n, 0.0) * n * n - 1.0).abs() < 1e-12);
        }
        // Small scores: 1 + τ²(1 − 1/n), to first order.
        let small = power(10.0, 1e-4) * 100.0;
        assert!((small - 1.0 - 0.9e-4).abs() < 1e-6, "{small}");
    }

    #[test]
    fn two_scores_are_a_logistic() {
        // p = σ(s₁ − s₂) with a difference of variance 2τ²: E[p²] by a plain sum.
        let tau2 = 1.5;
        let (mut sum, mut weight) = (0.0, 0.0);
        for i in -4000..=4000 {
            let z = f64::from(i) * 0.002;
            let p = 1.0 / (1.0 + exp(-z * (2.0f64 * tau2).sqrt()));
            sum += p * p * density(z);
            weight += density(z);
        }
        assert!((power(2.0, tau2) - sum / weight).abs() < 2e-4, "{} {}", power(2.0, tau2), sum / weight);
    }

    #[test]
    fn the_gradient_of_two_scores_is_that_of_a_logistic() {
        // p (g − p g − q g′) = p q (g − g′): 2 E[p² q²].
        let tau2 = 1.5;
        let (mut sum, mut weight) = (0.0, 0.0);
        for i in -4000..=4000 {
            let z = f64::from(i) * 0.002;
            let p = 1.0 / (1.0 + exp(-z * (2.0f64 * tau2).sqrt()));
            sum += 2.0 * p * p * (1.0 - p) * (1.0 - p) * density(z);
            weight += density(z);
        }
        let found = powers(2.0, tau2).gradient;
        assert!((found / (sum / weight) - 1.0).abs() < 2e-3, "{found} {}", sum / weight);
        // Equal shares: 1/n² (1 − 1/n).
        assert!((powers(5.0, 0.0).gradient - 0.04 * 0.8).abs() < 1e-12);
    }

    #[test]
    fn large_scores_choose_one() {
        assert!(power(16.0, 400.0) * 16.0 > 0.85, "{}", power(16.0, 400.0) * 16.0);
    }

    #[test]
    fn rows_are_all_rows() {
        for n in [1, 10, 24, 100, 5000] {
            let total: f64 = rows(n).iter().map(|(_, share)| share).sum();
            assert!((total - 1.0).abs() < 1e-9, "{n}: {total}");
        }
    }
}
