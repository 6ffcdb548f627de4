//! What is known of one value: a signal, whole numbers, a mask, or that it is not known and why.

use super::array::Array;
use super::mixture::Mixture;
use super::program::Program;
use crate::law::Acts;
use std::rc::Rc;

/// What is known of a value.
#[derive(Clone, Debug)]
pub(super) enum Flow {
    /// Real numbers with their moments.
    Signal(State),
    /// Whole numbers: shapes, indices, tokens.
    Whole(Whole),
    /// Truth values, or what is added to scores in their place.
    Mask(Mask),
    /// Nothing, and why.
    Unknown(Rc<Unknown>),
}

/// The moments of a signal, and the function that it is of an earlier one.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Its moments.
    pub(super) array: Array,
    /// The value that it is an element-wise function of, by its place in the store; itself if of no other.
    pub(super) root: usize,
    /// That function.
    pub(super) program: Program,
    /// For a weight: how it acts on what it multiplies.
    pub(super) acts: Acts,
    /// If it is its own root: how its elements are distributed, where that is not normal.
    pub(super) law: Option<Rc<Mixture>>,
}

/// Whole numbers.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    /// Shape.
    pub(super) shape: Vec<u64>,
    /// The numbers, where they are few and known.
    pub(super) values: Option<Rc<[i64]>>,
    /// The chance that two of them are equal: 1 where all are, 0 where none are, `None` for uniform draws.
    pub(super) equal: Option<f64>,
    /// They differ from sample to sample.
    pub(super) sample: bool,
}

/// Truth values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mask {
    pub(super) shape: Vec<u64>,
    pub(super) kind: MaskKind,
    /// What the queries see, where the kind does not say it and it is known.
    pub(super) rows: Option<Rows>,
}

/// How many keys the queries see: each number with the share of the queries that see so many, in groups of which each sees
/// itself.
pub(super) type Rows = Rc<[(f64, f64)]>;

impl Mask {
    /// A mask of which no more is known than its kind.
    pub(super) fn new(shape: Vec<u64>, kind: MaskKind) -> Mask {
        Mask { shape, kind, rows: None }
    }

    /// What lets through what this one hides; what is causal stays so, whichever way it is written.
    pub(super) fn negated(&self) -> Mask {
        let kind = match self.kind {
            MaskKind::Never => MaskKind::Always,
            MaskKind::Always => MaskKind::Never,
            kind => kind,
        };
        let keys = self.shape.last().map_or(1.0, |&n| n as f64);
        let rows = self.rows.as_ref().map(|rows| rows.iter().map(|&(t, share)| (keys - t, share)).collect());
        Mask { shape: self.shape.clone(), kind, rows }
    }
}

/// What a mask lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaskKind {
    /// All of it is false.
    Never,
    /// All of it is true.
    Always,
    /// A query sees the keys up to itself (or its negation).
    Causal,
    /// −∞, or a number that acts as such.
    Floor,
    /// Not known.
    Some,
}

/// Where a prediction ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    /// The node, or the constant.
    pub(super) at: String,
    /// Why.
    pub(super) why: String,
}

impl Whole {
    /// Numbers that are known.
    pub(super) fn of(shape: Vec<u64>, values: Vec<i64>) -> Whole {
        let equal = values.first().map(|first| {
            let same = values.iter().filter(|v| *v == first).count();
            if same == values.len() { 1.0 } else { 0.0 }
        });
        Whole { shape, values: Some(values.into()), equal: equal.or(Some(1.0)), sample: false }
    }
}
