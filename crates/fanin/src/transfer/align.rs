//! Which modules of two models correspond where their names do not: those in the same order, with the same shapes.
//!
//! Both lists of modules are aligned by their longest common subsequence, once from the front and once from the back. A
//! pair that both alignments have is the only one that the order allows; where they differ, nothing is decided.

use super::form::form;
use super::gates;
use crate::param::Param;
use crate::role::Role;
use std::collections::BTreeMap;

/// The most modules on one side: the table of two such lists takes 64 MB.
const MOST_MODULES: usize = 4096;

/// Roles of what belongs to a layer.
const LAYERED: [Role; 6] = [Role::Weight, Role::Recurrent, Role::Bias, Role::Scale, Role::Shift, Role::Statistic];

/// Parameters that belong together: the weight and the bias of one layer, the scale and the shift of one norm.
#[derive(Debug)]
struct Module {
    members: Vec<usize>,
    has_weight: bool,
}

/// What the order says of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Aligned {
    One(usize),
    Several(Vec<usize>),
}

/// For parameters of `targets` those of `sources` that the order gives them; only the ones listed are looked at. Nothing if
/// less than half of the model's weights find a place, since then it is another model; `paired` of them have one already.
pub(super) fn align(
    sources: &[Param],
    free_sources: &[usize],
    targets: &[Param],
    free_targets: &[usize],
    paired: usize,
) -> BTreeMap<usize, Aligned> {
    let (theirs, own) = (modules(sources, free_sources), modules(targets, free_targets));
    if theirs.is_empty() || own.is_empty() || theirs.len() > MOST_MODULES || own.len() > MOST_MODULES {
        return BTreeMap::new();
    }
    let same = |i: usize, j: usize| is_same(sources, &theirs[i], targets, &own[j]);
    let equal: Vec<Vec<bool>> = (0..theirs.len()).map(|i| (0..own.len()).map(|j| same(i, j)).collect()).collect();
    let front = subsequence(theirs.len(), own.len(), |i, j| equal[i][j]);
    let (last, end) = (theirs.len() - 1, own.len() - 1);
    let back = subsequence(theirs.len(), own.len(), |i, j| equal[last - i][end - j]);
    let back: BTreeMap<usize, usize> = back.into_iter().map(|(i, j)| (end - j, last - i)).collect();
    let front: BTreeMap<usize, usize> = front.into_iter().map(|(i, j)| (j, i)).collect();
    let weights = own.iter().filter(|module| module.has_weight).count();
    let placed = front.keys().filter(|j| own[**j].has_weight).count();
    if (placed + paired) * 2 < (weights + paired).max(1) {
        return BTreeMap::new();
    }
    let mut found = BTreeMap::new();
    for (j, module) in own.iter().enumerate() {
        let (a, b) = (front.get(&j), back.get(&j));
        let candidates: Vec<usize> = [a, b].into_iter().flatten().copied().collect();
        for &target in &module.members {
            let partner = |i: usize| partner(sources, &theirs[i], &targets[target]);
            match (a, b) {
                (Some(a), Some(b)) if a == b => {
                    found.extend(partner(*a).map(|source| (target, Aligned::One(source))));
                }
                (None, None) => {}
                _ => {
                    let several: Vec<usize> = candidates.iter().filter_map(|&i| partner(i)).collect();
                    if !several.is_empty() {
                        found.insert(target, Aligned::Several(several));
                    }
                }
            }
        }
    }
    found
}

/// Consecutive parameters of one parent.
fn modules(params: &[Param], free: &[usize]) -> Vec<Module> {
    let parent = |index: usize| {
        let name = &params[index].name;
        // What is no layer's stands alone, whatever it is kept beside.
        if !LAYERED.contains(&params[index].role.value) {
            return name.as_str();
        }
        name.rfind(['.', '/']).map_or(name.as_str(), |at| &name[..at])
    };
    let mut modules: Vec<(&str, Module)> = Vec::new();
    for &index in free.iter().filter(|&&index| params[index].role.value != Role::Fixed) {
        let is_weight = matches!(params[index].role.value, Role::Weight | Role::Recurrent | Role::Embedding);
        match modules.last_mut().filter(|(name, module)| *name == parent(index) && !repeats(params, module, index)) {
            Some((_, module)) => {
                module.members.push(index);
                module.has_weight |= is_weight;
            }
            None => modules.push((parent(index), Module { members: vec![index], has_weight: is_weight })),
        }
    }
    modules.into_iter().map(|(_, module)| module).collect()
}

/// Whether a module has a parameter of this role and shape already, so that the next one begins another.
fn repeats(params: &[Param], module: &Module, index: usize) -> bool {
    let like = |&other: &usize| {
        params[other].role.value == params[index].role.value && params[other].role.value == Role::Weight
    };
    module.members.iter().any(like)
}

/// The parameter of a module that can be this one.
fn partner(sources: &[Param], module: &Module, target: &Param) -> Option<usize> {
    let mut fitting = module.members.iter().copied().filter(|&source| corresponds(&sources[source], target));
    let first = fitting.next()?;
    // A norm's mean and variance are alike in all but their names, and so are the two biases of a recurrent cell.
    match fitting.next() {
        None => Some(first),
        Some(second) => {
            let own = leaf(&target.name);
            [first, second].into_iter().chain(fitting).find(|&source| leaf(&sources[source].name) == own)
        }
    }
}

/// The last word of a name; means and variances by that word, whatever stands before it.
fn leaf(name: &str) -> String {
    let leaf = name.rsplit(['.', '/']).next().unwrap_or_default().to_ascii_lowercase();
    let statistic = ["mean", "var"].into_iter().find(|word| leaf.contains(word));
    statistic.map_or(leaf, str::to_owned)
}

/// Whether one parameter can be the other: the same purpose and place, the same numbers of inputs and outputs.
fn corresponds(source: &Param, target: &Param) -> bool {
    let sites = |param: &Param| param.place.sites.as_ref().map(|known| known.value.clone());
    let placed = match (sites(source), sites(target)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    // A cell's bias of the state is another than that of the input, whatever their shapes.
    let alike = gates::is_state(source) == gates::is_state(target);
    let fits = || form(source, target).is_some() || gates::steps(&[source], target, false).is_some();
    source.role.value == target.role.value && placed && alike && fits()
}

fn is_same(sources: &[Param], theirs: &Module, targets: &[Param], own: &Module) -> bool {
    // Counters of batches are there in one framework and not in another.
    let counted =
        |params: &[Param], module: &Module| module.members.iter().filter(|&&index| counts(&params[index])).count();
    counted(sources, theirs) == counted(targets, own)
        && own
            .members
            .iter()
            .filter(|&&target| counts(&targets[target]))
            .all(|&target| partner(sources, theirs, &targets[target]).is_some())
}

/// Whether a parameter counts where modules are compared: there are cells with one bias and with two.
fn counts(param: &Param) -> bool {
    param.dtype.is_float() && !gates::is_state(param)
}

/// The pairs of a longest common subsequence; among several the one that pairs early.
fn subsequence(rows: usize, columns: usize, same: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut best = vec![0u32; (rows + 1) * (columns + 1)];
    let at = |i: usize, j: usize| i * (columns + 1) + j;
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            let skipped = best[at(i + 1, j)].max(best[at(i, j + 1)]);
            best[at(i, j)] = if same(i, j) { skipped.max(best[at(i + 1, j + 1)] + 1) } else { skipped };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < rows && j < columns {
        if same(i, j) && best[at(i, j)] == best[at(i + 1, j + 1)] + 1 {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[at(i + 1, j)] >= best[at(i, j + 1)] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::Axes;
    use crate::dtype::Dtype;

    fn layers(prefix: &str, sizes: &[(u64, u64)]) -> Vec<Param> {
        let layer = |(i, &(out, inputs)): (usize, &(u64, u64))| {
            let name = |leaf: &str| format!("{prefix}{i}.{leaf}");
            let mut bias = Param::new(name("bias"), &[out], Dtype::F32, Role::Bias, Axes::of(&[crate::Axis::Out]));
            bias.axes = None;
            [Param::new(name("weight"), &[out, inputs], Dtype::F32, Role::Weight, Axes::linear()), bias]
        };
        sizes.iter().enumerate().flat_map(layer).collect()
    }

    fn all(params: &[Param]) -> Vec<usize> {
        (0..params.len()).collect()
    }

    #[test]
    fn the_order_pairs_models_of_other_names() {
        let sizes = [(8, 4), (8, 8), (8, 8), (3, 8)];
        let (sources, targets) = (layers("a", &sizes), layers("layer_", &sizes));
        let found = align(&sources, &all(&sources), &targets, &all(&targets), 0);
        assert_eq!(found, (0..8).map(|i| (i, Aligned::One(i))).collect());
    }

    #[test]
    fn what_the_order_leaves_open_stays_open() {
        // One of the two middle layers is missing: which one, nothing tells.
        let sources = layers("a", &[(8, 4), (8, 8), (3, 8)]);
        let targets = layers("b", &[(8, 4), (8, 8), (8, 8), (3, 8)]);
        let found = align(&sources, &all(&sources), &targets, &all(&targets), 0);
        assert_eq!((&found[&0], &found[&6]), (&Aligned::One(0), &Aligned::One(4)));
        assert_eq!((&found[&2], &found[&4]), (&Aligned::Several(vec![2]), &Aligned::Several(vec![2])));
    }

    #[test]
    fn another_model_finds_no_place() {
        let sources = layers("a", &[(8, 4), (9, 9), (7, 7), (6, 6)]);
        let targets = layers("b", &[(5, 5), (8, 4), (4, 4), (3, 3)]);
        assert!(align(&sources, &all(&sources), &targets, &all(&targets), 0).is_empty());
    }
}
