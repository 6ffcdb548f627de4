//! Which tensor of the source belongs to which parameter: by name first, then by place, then by order.

use super::align::{self, Aligned};
use super::rename::{self, Prefixes};
use super::{Deeper, Found, Options, Source, fused};
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
    pairing.found
}

struct Pairing<'a> {
    targets: &'a [Param],
    wanted: &'a [bool],
    source: &'a Source<'a>,
    options: &'a Options,
    /// The source's names after the user's rules.
    names: Vec<String>,
    found: Vec<Found>,
    used: BTreeSet<usize>,
}

/// Where a parameter stands: its tower in the order of their appearance, its block, what it does there, and its role.
type Seat = (usize, u64, Vec<Site>, Role);

impl<'a> Pairing<'a> {
    fn new(targets: &'a [Param], wanted: &'a [bool], source: &'a Source, options: &'a Options) -> Pairing<'a> {
        let names = rename::renamed(source.params, &options.maps);
        let found = vec![Found::Nothing; targets.len()];
        Pairing { targets, wanted, source, options, names, found, used: BTreeSet::new() }
    }

    fn open(&self, target: usize) -> bool {
        self.wanted[target] && self.found[target] == Found::Nothing
    }

    fn give(&mut self, target: usize, found: Found) {
        if let Found::Tensors { tensors, .. } = &found {
            self.used.extend(tensors);
        }
        self.found[target] = found;
    }

    /// Equal names, those of wrappers taken off.
    fn by_name(&mut self) {
        let listed =
            |names: &'a [Param]| names.iter().map(|p| (p.name.as_str(), p.shape.as_slice())).collect::<Vec<_>>();
        let shapes = self.source.params.iter().map(|param| param.shape.as_slice());
        let theirs: Vec<(&str, &[u64])> = self.names.iter().map(String::as_str).zip(shapes).collect();
        let (owns, bare) = match rename::prefixes(&theirs, &listed(self.targets)) {
            Prefixes::One(own, theirs) => (vec![own], theirs),
            Prefixes::Several(owns) => (owns, String::new()),
        };
        let index: BTreeMap<String, usize> = self.names.iter().cloned().zip(0..).collect();
        let mut given = Vec::new();
        for target in (0..self.targets.len()).filter(|&target| self.open(target)) {
            let full = self.targets[target].name.as_str();
            let at = |own: &str, name: &str| {
                let name = name.strip_prefix(bare.as_str()).unwrap_or(name);
                index.get(&format!("{own}{name}")).copied()
            };
            // A tensor that several parameters share has its own name before the `@`.
            let plain = full.split_once('@').map_or(full, |(plain, _)| plain);
            let mut hits: Vec<(usize, &str)> = Vec::new();
            for name in [full, plain] {
                if hits.is_empty() {
                    hits.extend(owns.iter().filter_map(|own| Some((at(own, name)?, own.as_str()))));
                }
                if hits.is_empty() {
                    hits.extend(index.get(name).map(|&tensor| (tensor, "")));
                }
            }
            let name = plain.strip_prefix(bare.as_str()).unwrap_or(plain);
            match hits[..] {
                [] => given.extend(self.further(target, name, &owns[0], &index).map(|found| (target, found))),
                [(tensor, own)] => given.push((target, Found::one(tensor, self.how(tensor, own, &bare)))),
                _ => given.push((target, Found::Several(hits.iter().map(|(tensor, _)| *tensor).collect()))),
            }
        }
        for (target, found) in given {
            self.give(target, found);
        }
    }

    fn how(&self, tensor: usize, own: &str, bare: &str) -> String {
        if self.names[tensor] != self.source.params[tensor].name {
            return format!("called `{}` by --map", self.names[tensor]);
        }
        match (own, bare) {
            ("", "") => "the same name".to_owned(),
            (own, "") => format!("the same name behind `{own}`"),
            ("", bare) => format!("the same name without `{bare}`"),
            (own, bare) => format!("the same name, `{own}` for `{bare}`"),
        }
    }

    /// A parameter of a block that the source does not have, where blocks are stacked; or of an expert.
    fn further(&self, target: usize, name: &str, own: &str, index: &BTreeMap<String, usize>) -> Option<Found> {
        if let Some(dense) = without_expert(name)
            && let Some(&tensor) = index.get(&format!("{own}{dense}"))
        {
            return Some(Found::one(tensor, format!("every expert starts as `{dense}`")));
        }
        if self.options.deeper == Deeper::Draw {
            return None;
        }
        let tower = &self.targets[target].place.block.as_ref()?.value.tower;
        let prefix = tower.split('*').next()?;
        let prefix_len = self.targets[target].name.find(prefix)? + prefix.len();
        let cut = prefix_len.checked_sub(self.targets[target].name.len() - name.len())?;
        let (front, rest) = (name.get(..cut)?, name.get(cut..)?);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        let at = |number: u64| index.get(&format!("{own}{front}{number}{}", &rest[digits..])).copied();
        let count = (0..=number).take_while(|&number| at(number).is_some()).count() as u64;
        let repeated = number.checked_rem(count)?;
        let how = format!("block {repeated} of {count}, stacked");
        Some(Found::Tensors { tensors: vec![at(repeated)?], how, further: true })
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
                self.give(target, Found::Tensors { tensors, how, further: false });
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
        for (target, aligned) in align::align(self.source.params, &free, self.targets, &open) {
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

/// A name without the number of its expert: `mlp.experts.3.up.weight` was `mlp.up.weight`.
fn without_expert(name: &str) -> Option<String> {
    let (front, rest) = name.split_once("experts.")?;
    let digits = rest.find('.').filter(|&at| rest[..at].bytes().all(|b| b.is_ascii_digit()));
    Some(format!("{front}{}", digits.map_or(rest, |at| &rest[at + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experts_are_named_like_what_they_copy() {
        assert_eq!(without_expert("h.0.mlp.experts.12.up.weight").as_deref(), Some("h.0.mlp.up.weight"));
        assert_eq!(without_expert("h.0.mlp.experts.up").as_deref(), Some("h.0.mlp.up"));
        assert_eq!(without_expert("h.0.mlp.up"), None);
    }
}
