//! Which tensor of the source belongs to which parameter: by name first, then by place, then by order.

use super::align::{self, Aligned};
use super::{Found, Options, Relation, Source, fused};
use super::{rename, tied_head};
use crate::param::Param;
use crate::role::Role;
use crate::site::Site;
use std::collections::{BTreeMap, BTreeSet};

/// What belongs to each of `targets`; only the `wanted` ones are looked for.
pub(super) fn find(targets: &[Param], wanted: &[bool], source: &Source, options: &Options) -> Vec<Found> {
    let mut pairing = Pairing::new(targets, wanted, source, options);
    pairing.by_name();
    pairing.by_place();
    pairing.fused();
    pairing.by_order();
    pairing.by_uniqueness();
    pairing.recurrent_biases();
    pairing.output_of_its_own();
    pairing.found
}

pub(super) struct Pairing<'a> {
    pub(super) targets: &'a [Param],
    pub(super) wanted: &'a [bool],
    pub(super) source: &'a Source<'a>,
    pub(super) options: &'a Options,
    /// The source's names after the user's rules.
    pub(super) names: Vec<String>,
    pub(super) found: Vec<Found>,
    pub(super) used: BTreeSet<usize>,
}

/// Where a parameter stands: its tower in the order of their appearance, its block, what it does there, and its role.
type Seat = (usize, u64, Vec<Site>, Role);

impl<'a> Pairing<'a> {
    fn new(targets: &'a [Param], wanted: &'a [bool], source: &'a Source, options: &'a Options) -> Pairing<'a> {
        let names = rename::renamed(source.params, &options.maps);
        let found = vec![Found::Nothing; targets.len()];
        Pairing { targets, wanted, source, options, names, found, used: BTreeSet::new() }
    }

    pub(super) fn open(&self, target: usize) -> bool {
        self.wanted[target] && self.found[target] == Found::Nothing
    }

    pub(super) fn give(&mut self, target: usize, found: Found) {
        if let Found::Tensors { tensors, .. } = &found {
            self.used.extend(tensors);
        }
        self.found[target] = found;
    }

    /// The same block, doing the same there: what every family calls in its own way.
    fn by_place(&mut self) {
        let (theirs, own) = (seats(self.source.params), seats(self.targets));
        for (seat, targets) in &own {
            let targets: Vec<usize> = targets.iter().copied().filter(|&target| self.open(target)).collect();
            let free = |tensor: &usize| !self.used.contains(tensor);
            let sources: Vec<usize> = theirs.get(seat).into_iter().flatten().copied().filter(free).collect();
            if let ([target], [tensor]) = (&targets[..], &sources[..]) {
                let sites: Vec<&str> = seat.2.iter().map(|site| site.name()).collect();
                let block = if seat.1 == 0 { String::new() } else { format!(" of block {}", seat.1) };
                self.give(*target, Found::one(*tensor, format!("the {} {}{block}", sites.join(", "), seat.3)));
            }
        }
    }

    /// An output layer of the model's own, where that of the source is its table of symbols.
    fn output_of_its_own(&mut self) {
        let is_head = |param: &Param| param.sites() == [Site::Head] && param.role.value == Role::Weight;
        if self.source.params.iter().any(is_head) {
            return;
        }
        let heads: Vec<usize> =
            (0..self.targets.len()).filter(|&t| self.open(t) && is_head(&self.targets[t])).collect();
        if let ([head], Some(table)) = (&heads[..], tied_head::table(self.source.params)) {
            self.give(*head, Found::one(table, "the table of symbols, which is the output layer there"));
        }
    }

    /// Several tensors for one that is fused, or one fused tensor for several.
    fn fused(&mut self) {
        let (theirs, own) = (seats(self.source.params), seats(self.targets));
        for ((tower, block, sites, role), targets) in &own {
            let [target] = targets[..] else { continue };
            if !self.open(target) {
                continue;
            }
            let seat = |sites: &[Site]| theirs.get(&(*tower, *block, sites.to_vec(), *role));
            let one = |site: &Site| match seat(std::slice::from_ref(site)).map(Vec::as_slice) {
                Some([tensor]) => Some(*tensor),
                _ => None,
            };
            if sites.len() > 1 {
                let Some(tensors) = sites.iter().map(one).collect::<Option<Vec<_>>>() else { continue };
                let how = format!("{} separate tensors", tensors.len());
                self.give(target, Found::Tensors { tensors, how, relation: Relation::Own });
            } else {
                let holds =
                    |(t, b, s, r): &&Seat| (t, b, r) == (tower, block, role) && s.len() > 1 && s.contains(&sites[0]);
                let whole: Vec<usize> = theirs.keys().filter(holds).flat_map(|seat| theirs[seat].clone()).collect();
                if let [tensor] = whole[..]
                    && fused::cut(&self.source.params[tensor]).is_some()
                {
                    self.give(target, Found::one(tensor, format!("the {} of a fused tensor", sites[0])));
                }
            }
        }
    }

    /// The same order of the same shapes.
    fn by_order(&mut self) {
        let free: Vec<usize> = (0..self.source.params.len()).filter(|tensor| !self.used.contains(tensor)).collect();
        let open: Vec<usize> = (0..self.targets.len()).filter(|&target| self.open(target)).collect();
        if !self.source.ordered {
            return;
        }
        let is_paired = |target: &usize| matches!(self.found[*target], Found::Tensors { .. });
        let is_weight = |target: &usize| self.targets[*target].role.value == Role::Weight;
        let paired = (0..self.targets.len()).filter(is_paired).filter(is_weight).count();
        for (target, aligned) in align::align(self.source.params, &free, self.targets, &open, paired) {
            match aligned {
                Aligned::One(tensor) => self.give(target, Found::one(tensor, "the same place in the order of shapes")),
                Aligned::Several(tensors) => self.give(target, Found::Several(tensors)),
            }
        }
    }
}

/// The parameters at each seat; only those whose site is known have one. A bias sits where its weight does.
fn seats(params: &[Param]) -> BTreeMap<Seat, Vec<usize>> {
    let mut towers: Vec<&str> = Vec::new();
    let mut seats: BTreeMap<Seat, Vec<usize>> = BTreeMap::new();
    for (index, param) in params.iter().enumerate() {
        let block = param.place.block.as_ref().map(|known| &known.value);
        // 0 is outside of all towers.
        let tower = block.map_or(0, |block| {
            let known = towers.iter().position(|own| *own == block.tower);
            1 + known.unwrap_or_else(|| {
                towers.push(&block.tower);
                towers.len() - 1
            })
        });
        let Some(sites) = &param.place.sites else { continue };
        let number = block.map_or(0, |block| block.number);
        seats.entry((tower, number, sites.value.clone(), param.role.value)).or_default().push(index);
    }
    seats
}
