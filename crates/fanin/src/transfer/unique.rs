//! Pairs by what there is only one of: the one class token, the one table of positions, the shortcut whose layer is paired.
//!
//! This goes last, and only where most of the model has found its place, so that the two are known to be the same architecture.

use super::form::form;
use super::pair::Pairing;
use super::{Found, gates};
use crate::anatomy::is_beside;
use crate::param::Param;
use crate::role::Role;
use std::collections::{BTreeMap, BTreeSet};

/// More candidates than anybody would choose from.
const MOST: usize = 8;

impl Pairing<'_> {
    /// Tensors and parameters that fit each other and nothing else: first beside what is paired, then anywhere.
    pub(super) fn by_uniqueness(&mut self) {
        if !self.is_mostly_paired() {
            return;
        }
        self.beside_pairs();
        loop {
            let pairs = self.unique(&self.free(), &self.left());
            if pairs.is_empty() {
                break;
            }
            for (target, tensor) in pairs {
                self.give(target, Found::one(tensor, "the only one of its role and shape on both sides"));
            }
            self.beside_pairs();
        }
        for target in self.left() {
            let open = self.fitting(&self.free(), target);
            if (2..=MOST).contains(&open.len()) {
                self.found[target] = Found::Several(open);
            }
        }
    }

    fn is_mostly_paired(&self) -> bool {
        let is_weight = |&target: &usize| self.wanted[target] && self.targets[target].role.value == Role::Weight;
        let weights: Vec<usize> = (0..self.targets.len()).filter(is_weight).collect();
        let paired = weights.iter().filter(|&&target| matches!(self.found[target], Found::Tensors { .. })).count();
        paired > 0 && paired * 2 >= weights.len()
    }

    fn free(&self) -> Vec<usize> {
        let free = |tensor: &usize| self.source.params[*tensor].dtype.is_float() && !self.used.contains(tensor);
        (0..self.source.params.len()).filter(free).collect()
    }

    /// Parameters that have nothing, and those for which several tensors fit.
    fn left(&self) -> Vec<usize> {
        let open = |&target: &usize| {
            // Counters of batches are all alike, and no values.
            let float = self.targets[target].dtype.is_float();
            self.wanted[target] && float && !matches!(self.found[target], Found::Tensors { .. })
        };
        (0..self.targets.len()).filter(open).collect()
    }

    /// The tensors that can be this parameter.
    fn fitting(&self, tensors: &[usize], target: usize) -> Vec<usize> {
        let own = &self.targets[target];
        let theirs = |tensor: usize| &self.source.params[tensor];
        // A norm's mean and variance are alike in all but their names.
        let can = |tensor: &usize| fits(theirs(*tensor), own) && statistic(theirs(*tensor)) == statistic(own);
        let mut fitting: Vec<usize> = tensors.iter().copied().filter(can).collect();
        fitting.retain(|&tensor| !self.belongs_beside(tensor, target));
        fitting
    }

    /// Whether names say of one of the two, and not of the other, that it stands on a shortcut, and there is another for it that does.
    fn belongs_beside(&self, tensor: usize, target: usize) -> bool {
        let (theirs, own) = (&self.source.params[tensor], &self.targets[target]);
        match (is_beside(&theirs.name), is_beside(&own.name)) {
            (false, true) => {
                let other = |&tensor: &usize| &self.source.params[tensor];
                self.free().iter().map(other).any(|other| is_beside(&other.name) && fits(other, own))
            }
            (true, false) => {
                let other = |&target: &usize| &self.targets[target];
                self.left().iter().map(other).any(|other| is_beside(&other.name) && fits(theirs, other))
            }
            _ => false,
        }
    }

    fn unique(&self, tensors: &[usize], targets: &[usize]) -> Vec<(usize, usize)> {
        let one = |&target: &usize| match self.fitting(tensors, target)[..] {
            [tensor] => Some((target, tensor)),
            _ => None,
        };
        let pairs: Vec<(usize, usize)> = targets.iter().filter_map(one).collect();
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, tensor) in &pairs {
            *counts.entry(*tensor).or_default() += 1;
        }
        // The tensor, too, must fit no other parameter that is left.
        let alone = |tensor: usize| {
            let fits = |&&target: &&usize| self.fitting(&[tensor], target) == [tensor];
            targets.iter().filter(fits).count() == 1
        };
        pairs.into_iter().filter(|(_, tensor)| counts[tensor] == 1 && alone(*tensor)).collect()
    }

    /// Under the parent of a layer that is paired, in either model, what fits each other and nothing else there.
    fn beside_pairs(&mut self) {
        loop {
            let mut groups: BTreeSet<(&str, &str)> = BTreeSet::new();
            for (target, found) in self.found.iter().enumerate() {
                if let Found::Tensors { tensors, .. } = found
                    && let [tensor] = tensors[..]
                {
                    let pair =
                        (parent(parent(&self.targets[target].name)), parent(parent(&self.source.params[tensor].name)));
                    if !pair.0.is_empty() && !pair.1.is_empty() {
                        groups.insert(pair);
                    }
                }
            }
            let mut pairs = Vec::new();
            for (own, theirs) in &groups {
                let within = |name: &str, front: &str| parent(parent(name)) == front;
                let targets: Vec<usize> =
                    self.left().into_iter().filter(|&target| within(&self.targets[target].name, own)).collect();
                let free = self.free().into_iter();
                let tensors: Vec<usize> =
                    free.filter(|&tensor| within(&self.source.params[tensor].name, theirs)).collect();
                if !targets.is_empty() && !tensors.is_empty() {
                    pairs.extend(self.unique(&tensors, &targets));
                }
            }
            // Two groups that claim one tensor are no evidence.
            let claims = |tensor: usize, target: usize| pairs.iter().all(|&(t, s)| (t == target) == (s == tensor));
            let clear: Vec<(usize, usize)> =
                pairs.iter().copied().filter(|&(target, tensor)| claims(tensor, target)).collect();
            if clear.is_empty() {
                return;
            }
            for (target, tensor) in clear {
                self.give(target, Found::one(tensor, "the only one of its role and shape beside what is paired"));
            }
        }
    }

    /// The biases of recurrent cells, of which there are one or two.
    pub(super) fn recurrent_biases(&mut self) {
        let state_beside = |params: &[Param], index: usize| {
            let front = parent(&params[index].name);
            let own = cell(&params[index].name);
            (0..params.len()).find(|&other| {
                let name = &params[other].name;
                other != index && gates::is_state(&params[other]) && parent(name) == front && cell(name) == own
            })
        };
        for target in 0..self.targets.len() {
            let Found::Tensors { tensors, relation: super::Relation::Own, .. } = &self.found[target] else { continue };
            let [tensor] = tensors[..] else { continue };
            let labels = (gates::labels(&self.targets[target]), gates::labels(&self.source.params[tensor]));
            let (Some(gates), Some(other)) = labels else { continue };
            let same = gates == other && self.targets[target].shape == self.source.params[tensor].shape;
            let (own, theirs) = (state_beside(self.targets, target), state_beside(self.source.params, tensor));
            let summed = |tensors: Vec<usize>, how: &str| Found::Tensors {
                tensors,
                how: how.to_owned(),
                relation: super::Relation::Gates { alone: own.is_none() },
            };
            match (own, theirs) {
                (Some(_), Some(_)) => {}
                (None, None) if same => {}
                (None, Some(state)) => self.give(target, summed(vec![tensor, state], "the two biases of a cell")),
                (Some(second), None) => {
                    self.give(target, summed(vec![tensor], "the bias of a cell"));
                    if self.open(second) {
                        self.give(second, summed(vec![tensor], "the bias of a cell"));
                    }
                }
                (None, None) => self.give(target, summed(vec![tensor], "the bias of a cell")),
            }
        }
    }
}

/// Whether a tensor can be a parameter, by role, place and shape.
fn fits(source: &Param, target: &Param) -> bool {
    let place = |param: &Param| {
        let sites = param.place.sites.as_ref().map(|known| known.value.clone());
        (sites, param.place.block.as_ref().map(|known| known.value.number))
    };
    let ((own, number), (theirs, other)) = (place(target), place(source));
    let placed = (own.is_none() || theirs.is_none() || own == theirs)
        && (number.is_none() || other.is_none() || number == other);
    source.role.value == target.role.value && placed && form(source, target).is_some()
}

fn statistic(param: &Param) -> Option<&'static str> {
    let leaf = param.name.rsplit(['.', '/']).next().unwrap_or_default().to_ascii_lowercase();
    ["mean", "var"].into_iter().find(|word| leaf.contains(word))
}

/// Which cell of a module of torch a bias is of: its layer and direction.
fn cell(name: &str) -> &str {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    leaf.strip_prefix("bias_ih").or_else(|| leaf.strip_prefix("bias_hh")).unwrap_or(leaf)
}

/// The name of what holds this.
fn parent(name: &str) -> &str {
    name.rfind(['.', '/']).map_or("", |at| &name[..at])
}
