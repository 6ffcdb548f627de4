//! Other names for a source's tensors: rules of the user's, and what wrappers put in front.

use super::Source;
use crate::error::Refusal;
use crate::param::Param;
use crate::recipe::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// A rule that gives tensors of the source the names of the model: `encoder.layer.*=h.*`. Each `*` on the right is what the
/// star in its place on the left stood for.
///
/// # Example
/// ```
/// let rule: fanin::transfer::Rename = "encoder.layer.*.attn*=h.*.attention*".parse()?;
/// assert_eq!(rule.apply("encoder.layer.3.attn.q"), Some("h.3.attention.q".to_owned()));
/// assert_eq!(rule.apply("decoder.layer.3.attn.q"), None);
/// # Ok::<(), fanin::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    from: Vec<String>,
    to: Vec<String>,
}

impl FromStr for Rename {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Rename, Refusal> {
        let pieces = |side: &str| side.split('*').map(str::to_owned).collect::<Vec<_>>();
        let sides = text.split_once('=').map(|(from, to)| (pieces(from.trim()), pieces(to.trim())));
        match sides {
            Some((from, to)) if from.concat().len() + from.len() > 1 && to.len() <= from.len() => {
                Ok(Rename { from, to })
            }
            _ => {
                let expected = "SOURCE=MODEL, with no more stars on the right than on the left";
                let remedy = "Write `--map 'encoder.layer.*=h.*'`.";
                Err(Refusal::new("it is no pair of names", expected, remedy).of("", &format!("--map '{text}'")))
            }
        }
    }
}

impl Rename {
    /// The new name, if the rule is about this one. A star stands for as little as possible, the last one for the rest.
    pub fn apply(&self, name: &str) -> Option<String> {
        let (first, rest) = self.from.split_first()?;
        let mut left = name.strip_prefix(first.as_str())?;
        let mut stars = Vec::new();
        for (index, piece) in rest.iter().enumerate() {
            let at = if index + 1 == rest.len() {
                left.len().checked_sub(piece.len()).filter(|&at| left.is_char_boundary(at) && left[at..] == **piece)?
            } else {
                left.find(piece.as_str())?
            };
            stars.push(&left[..at]);
            left = &left[at + piece.len()..];
        }
        if !left.is_empty() {
            return None;
        }
        let mut out = String::new();
        for (index, piece) in self.to.iter().enumerate() {
            out.push_str(piece);
            if index + 1 < self.to.len() {
                out.push_str(stars.get(index)?);
            }
        }
        Some(out)
    }
}

/// The source's names after the first rule that is about them.
pub(super) fn renamed(params: &[Param], maps: &[Rename]) -> Vec<String> {
    let new = |name: &str| maps.iter().find_map(|rule| rule.apply(name));
    params.iter().map(|param| new(&param.name).unwrap_or_else(|| param.name.clone())).collect()
}

impl fmt::Display for Rename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from.join("*"), self.to.join("*"))
    }
}

/// Says which rules did nothing: they name no tensor of the source, or what they rename was not taken.
pub(super) fn idle(source: &Source, maps: &[Rename], used: &BTreeSet<usize>) -> Vec<String> {
    let mut renames: Vec<Vec<usize>> = vec![Vec::new(); maps.len()];
    for (tensor, param) in source.params.iter().enumerate() {
        if let Some(rule) = maps.iter().position(|rule| rule.apply(&param.name).is_some()) {
            renames[rule].push(tensor);
        }
    }
    let told = |(rule, tensors): (&Rename, Vec<usize>)| match &tensors[..] {
        [] => {
            let names = source.params.iter().map(|param| param.name.as_str());
            let near = nearest(&rule.from.join("*"), names).filter(|_| rule.from.len() == 1);
            let near = near
                .map_or_else(|| "`fanin plan` lists its names".to_owned(), |near| format!("did you mean `{near}`?"));
            Some(format!(
                "--map '{rule}': no tensor of {} that an earlier rule leaves has such a name; {near}",
                source.file
            ))
        }
        [first, ..] if tensors.iter().all(|tensor| !used.contains(tensor)) => {
            let (old, count) = (&source.params[*first].name, tensors.len());
            let new = rule.apply(old).unwrap_or_default();
            Some(format!(
                "--map '{rule}': none of the {count} tensors that it renames is taken; `{old}` is called `{new}`, and no parameter \
                 of this name takes it"
            ))
        }
        _ => None,
    };
    maps.iter().zip(renames).filter_map(told).collect()
}

/// What wrappers put in front of names (`torch.nn.DataParallel`, `torch.compile`, training frameworks, base models of
/// Hugging Face).
const WRAPPERS: [&str; 8] =
    ["module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "state_dict.", "_model."];

/// How many prefixes are tried on each side.
const MOST: usize = 24;

/// What to take off the source's and the model's names so that most of them agree.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Prefixes {
    One(String, String),
    /// Several prefixes of the source agree with the model in as many names.
    Several(Vec<String>),
}

/// The prefixes that make most names with equal shapes agree; none at all goes first.
pub(super) fn prefixes(source: &[(&str, &[u64])], model: &[(&str, &[u64])]) -> Prefixes {
    let index: BTreeMap<&str, &[u64]> = source.iter().copied().collect();
    let score = |own: &str, theirs: &str| {
        let agrees = |(name, shape): &&(&str, &[u64])| {
            let bare = name.strip_prefix(theirs);
            bare.is_some_and(|bare| index.get(format!("{own}{bare}").as_str()) == Some(shape))
        };
        model.iter().filter(agrees).count()
    };
    let plain = score("", "");
    let mut best = vec![(plain, String::new(), String::new())];
    for own in candidates(source) {
        for theirs in candidates(model) {
            let count = score(&own, &theirs);
            let known = own.is_empty() || is_wrapper(&own);
            // A prefix of no known wrapper must explain more than an accident would.
            if count > plain && (known || count * 4 >= model.len()) {
                best.push((count, own.clone(), theirs));
            }
        }
    }
    let most = best.iter().map(|(count, ..)| *count).max().unwrap_or(0);
    best.retain(|(count, ..)| *count == most);
    // What is taken off the model's names could as well stay on both.
    let least = best.iter().map(|(.., theirs)| theirs.len()).min().unwrap_or(0);
    best.retain(|(.., theirs)| theirs.len() == least);
    let owns: BTreeSet<&str> = best.iter().map(|(_, own, _)| own.as_str()).collect();
    if owns.len() > 1 && best.iter().all(|(.., theirs)| *theirs == best[0].2) {
        return Prefixes::Several(owns.into_iter().map(str::to_owned).collect());
    }
    let (_, own, theirs) = best.swap_remove(0);
    Prefixes::One(own, theirs)
}

fn is_wrapper(prefix: &str) -> bool {
    let mut rest = prefix;
    while let Some(next) = WRAPPERS.iter().find_map(|wrapper| rest.strip_prefix(wrapper)) {
        rest = next;
    }
    rest.is_empty()
}

/// No prefix, and the first parts of names, up to three of them.
fn candidates(tensors: &[(&str, &[u64])]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in tensors {
        for (at, _) in name.match_indices('.').take(3) {
            *counts.entry(&name[..=at]).or_default() += 1;
        }
    }
    let mut found: Vec<(&str, usize)> = counts.into_iter().collect();
    found.sort_by_key(|(prefix, count)| (std::cmp::Reverse(*count), prefix.len()));
    std::iter::once("").chain(found.into_iter().map(|(prefix, _)| prefix)).take(MOST).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_keep_what_they_stood_for() {
        let apply = |rule: &str, name: &str| rule.parse::<Rename>().unwrap().apply(name);
        assert_eq!(apply("a.*.b=c.*", "a.7.b").as_deref(), Some("c.7"));
        assert_eq!(apply("*.gamma=*.weight", "ln.gamma").as_deref(), Some("ln.weight"));
        assert_eq!(apply("x=y", "x").as_deref(), Some("y"));
        assert_eq!(apply("x=y", "xx"), None);
        assert_eq!(apply("student.*=*", "student.fc.weight").as_deref(), Some("fc.weight"));
        assert_eq!(apply("a*b*c=*-*", "a1b2bc").as_deref(), Some("1-2b"));
        assert_eq!(apply("*é=*", "caf\u{e9}").as_deref(), Some("caf"));
        for wrong in ["no pair", "a=b*", "=x"] {
            assert!(wrong.parse::<Rename>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn rules_that_do_nothing_are_told() {
        use crate::{Axes, Dtype, Role};
        let params = ["a.w", "b.w"].map(|name| Param::new(name, &[2, 2], Dtype::F32, Role::Weight, Axes::linear()));
        let source = Source { file: "s.pt", params: &params, ordered: true };
        let maps = ["a.w=x", "c.w=y", "*=z.*", "b.*=*"].map(|text| text.parse::<Rename>().unwrap());
        let told = |used: &[usize]| idle(&source, &maps, &used.iter().copied().collect());
        let all = told(&[0]);
        assert_eq!(all.len(), 3, "{all:?}");
        assert!(all[0].contains("--map 'c.w=y'") && all[0].contains("did you mean `"), "{}", all[0]);
        assert!(all[1].contains("`b.w` is called `z.b.w`"), "{}", all[1]);
        assert!(all[2].contains("that an earlier rule leaves") && all[2].contains("'b.*=*'"), "{}", all[2]);
        assert_eq!(told(&[0, 1]).len(), 2);
    }

    #[test]
    fn wrappers_are_taken_off_on_either_side() {
        let shape = &[3u64][..];
        let of = |names: &'static [&'static str]| names.iter().map(|name| (*name, shape)).collect::<Vec<_>>();
        let one = |own: &str, theirs: &str| Prefixes::One(own.to_owned(), theirs.to_owned());
        let model = of(&["a.w", "b.w"]);
        assert_eq!(prefixes(&of(&["a.w", "b.w"]), &model), one("", ""));
        assert_eq!(prefixes(&of(&["module.a.w", "module.b.w"]), &model), one("module.", ""));
        assert_eq!(
            prefixes(&of(&["_orig_mod.module.a.w", "_orig_mod.module.b.w"]), &model),
            one("_orig_mod.module.", "")
        );
        assert_eq!(prefixes(&of(&["a.w", "b.w"]), &of(&["bert.a.w", "bert.b.w", "cls.w"])), one("", "bert."));
        let both = of(&["student.a.w", "student.b.w", "teacher.a.w", "teacher.b.w"]);
        assert_eq!(prefixes(&both, &model), Prefixes::Several(vec!["student.".into(), "teacher.".into()]));
    }
}
