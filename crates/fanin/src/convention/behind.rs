//! What stands behind a kernel in a sequence: the norm that follows has as many channels as the kernel makes.

use super::names::Names;
use super::order::is_weight;
use std::collections::BTreeSet;

/// The kernels without a bias that a norm shows to be transposed, `[in, out, field…]`, and those that go on from one of these.
///
/// Only numbered layers of one sequence count: elsewhere the order of the file need not be that of the computation.
pub(super) fn transposed(names: &Names, order: &[usize]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    // The module around the last kernel that was found, and how many channels it makes.
    let mut made: Option<(&str, u64)> = None;
    for (at, &index) in order.iter().enumerate() {
        let &[first, second, ref field @ ..] = names.shape(index) else { continue };
        let name = names.name(index);
        if field.is_empty() || !is_weight(&name) || !names.is_float(index) {
            continue;
        }
        let single = first != second && names.bias(&name).is_none() && number(&name.module).is_some();
        let follows = order.get(at + 1).and_then(|&next| norm(names, index, next)) == Some(second);
        let goes_on = made == Some((name.parent(), first));
        made = None;
        if single && (follows || goes_on) {
            found.insert(index);
            made = Some((name.parent(), second));
        }
    }
    found
}

fn number(word: &str) -> Option<u32> {
    word.parse().ok()
}

/// The channels of the norm that stands behind a kernel in its sequence, if one does.
fn norm(names: &Names, kernel: usize, next: usize) -> Option<u64> {
    let (kernel, next) = (names.name(kernel), names.name(next));
    let after = number(&kernel.module)?.checked_add(1) == number(&next.module);
    let vector = |word: &str| names.sibling(&next, word).filter(|shape| shape.len() == 1);
    let &[channels] = vector("weight")? else { return None };
    (after && kernel.parent() == next.parent() && vector("bias").is_some()).then_some(channels)
}
