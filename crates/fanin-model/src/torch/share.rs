//! Tensors that share elements: ties, which are one tensor under two names, and overlaps, which cannot be written apart.

use super::Stored;
use crate::error::{FileError, Problem};
use crate::fill::{Change, Fill};
use fanin::{Evidence, Form, Known, Param, Tied};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

/// Elements that are compared to see whether two names get the same values: no two streams agree in so many.
const COMPARED: u64 = 256;

/// The first parameter that has the same elements, for each that is not the first.
pub(super) fn homes(tensors: &[Stored]) -> Vec<Option<usize>> {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let home = |(index, stored): (usize, &Stored)| {
        let key = format!("{} {} {:?}", stored.place.bytes.start, stored.size, stored.view);
        let home = *first.entry(key).or_insert(index);
        (home != index && !stored.view.is_empty()).then_some(home)
    };
    tensors.iter().enumerate().map(home).collect()
}

/// Says of each tied parameter what it is tied to.
pub(super) fn mark(params: &mut [Param], homes: &[Option<usize>]) {
    for (index, home) in homes.iter().enumerate() {
        if let Some(home) = home {
            let tied = Tied { to: params[*home].name.clone(), form: Form::Equal };
            let from = Evidence::Convention("torch: one storage under two names".to_owned());
            params[index].place.tied = Some(Known { value: tied, from });
        }
    }
}

/// Refuses changes that would write into the elements of another tensor.
pub(super) fn check(
    params: &[Param],
    tensors: &[Stored],
    homes: &[Option<usize>],
    fill: &dyn Fill,
) -> Result<(), FileError> {
    let mut spans: Vec<(Range<u64>, usize)> = tensors.iter().map(Stored::span).zip(0..).collect();
    spans.retain(|(span, _)| !span.is_empty());
    // Of two that start together, the longer first: the shorter is a part of it.
    spans.sort_by_key(|(span, index)| (span.start, Reverse(span.end), *index));
    // What reaches furthest of all before.
    let mut before: Option<(Range<u64>, usize)> = None;
    for (span, index) in spans {
        if let Some((reach, other)) = &before
            && span.start < reach.end
        {
            let tied = homes[index] == Some(*other) || (homes[index].is_some() && homes[index] == homes[*other]);
            pair(params, fill, *other, index, tied)?;
        }
        if before.as_ref().is_none_or(|(reach, _)| span.end > reach.end) {
            before = Some((span, index));
        }
    }
    Ok(())
}

/// Two tensors with elements in common.
fn pair(params: &[Param], fill: &dyn Fill, first: usize, second: usize, tied: bool) -> Result<(), FileError> {
    let refused = |wrong: String, remedy: &str| {
        let problem = Problem::new(&params[second].name, wrong, "one source for the elements that both have");
        Err(FileError::from(problem.remedy(remedy)))
    };
    let other = &params[first].name;
    match (fill.change(first), fill.change(second)) {
        (Change::Keep, Change::Keep) => Ok(()),
        (Change::Write { .. }, Change::Write { .. }) if tied => {
            if same(params, fill, first, second)? {
                return Ok(());
            }
            refused(
                format!("it is the same tensor as {other} and gets other values"),
                "Give both one method, or set only the first.",
            )
        }
        _ if tied => {
            refused(format!("it is the same tensor as {other}, and one of the two is kept"), "Keep both or none.")
        }
        _ => refused(
            format!("it has elements in common with {other}"),
            "Keep both (`--set 'NAME=keep'`), or save the model with torch after `.clone()`.",
        ),
    }
}

/// Whether two parameters get the same values.
fn same(params: &[Param], fill: &dyn Fill, first: usize, second: usize) -> Result<bool, FileError> {
    let count = params[first].count().map_err(fanin::Error::from)?.min(COMPARED);
    let len = count as usize * params[first].dtype.size().unwrap_or(1);
    let (mut a, mut b) = (vec![0; len], vec![0; len]);
    fill.values(first)?.fill(0, &mut a)?;
    fill.values(second)?.fill(0, &mut b)?;
    Ok(a == b)
}
