//! [`Pieces`]: what the steps of a take make, for any elements alone, so that nothing is held as a whole.
//!
//! Each step is asked backwards: which elements of what came before it does an element need? Most steps move elements, or
//! multiply them; a few add up several. So a list of indices becomes a list of indices of the tensors, whose values are then
//! worked forwards through the same steps, in the same order as [`Take::apply`] does: the bits are the same.

use super::array::ABSENT;
use super::{Map, Step, Take};
use crate::error::Refusal;

/// Gives elements of the tensors that are taken.
pub trait Gather {
    /// Puts in the place of each flat index of tensor `tensor` the bits of its value ([`f64::to_bits`]).
    ///
    /// # Errors
    /// If they cannot be read.
    fn gather(&self, tensor: usize, indices: &mut [u64]) -> Result<(), Refusal>;
}

/// In the place of an index: nothing gives this element.
const NOTHING: u64 = u64::MAX;

/// Elements that one is made of, above which the whole is made at once: tables of positions that shrink much, which are small.
const MOST_TERMS: usize = 256;

/// The steps of a take, each with the sizes that it meets.
#[derive(Debug)]
pub struct Pieces {
    /// One behind the other; the first is asked last.
    stages: Vec<Stage>,
    /// The most elements of the tensors that one element is made of.
    most: usize,
}

#[derive(Debug)]
enum Stage {
    /// The order of the elements stays.
    Same,
    /// Sizes of the tensors along an axis, and the elements behind it.
    Join {
        sizes: Vec<u64>,
        inner: u64,
    },
    /// Sizes of the result, with the steps in the source that belong to them.
    Permute {
        sizes: Vec<u64>,
        strides: Vec<u64>,
    },
    /// Each index of an axis is one of the source, times a factor if there are any.
    Move {
        from: u64,
        inner: u64,
        indices: Vec<u64>,
        factors: Option<Vec<f64>>,
    },
    /// Each index of an axis is a sum: its terms end where the next one's begin.
    Sum {
        from: u64,
        inner: u64,
        ends: Vec<usize>,
        terms: Vec<(u64, f64)>,
    },
    Scale(f64),
}

/// What elements are multiplied by once their values are there.
enum Factor {
    All(f64),
    Each(Vec<f64>),
}

impl Pieces {
    /// The steps of `take`, or nothing where one of them needs all elements at once: factors of a matrix, lengths, symbols
    /// that are means of all others, and sums of hundreds.
    ///
    /// # Errors
    /// The first step that does not fit.
    pub fn of(take: &Take) -> Result<Option<Pieces>, Refusal> {
        take.shape()?;
        let shapes: Vec<Vec<u64>> = take.tensors.iter().map(|tensor| tensor.shape.clone()).collect();
        let Some((first, mut more)) = shapes.split_first() else { return Ok(None) };
        let (mut shape, mut stages, mut most) = (first.clone(), Vec::new(), 1usize);
        for step in &take.steps {
            let next = step.shape(&shape, more)?;
            let Some(stage) = Stage::of(step, &shape, &next, more)? else { return Ok(None) };
            if let Stage::Sum { ends, .. } = &stage {
                let lens = ends.iter().scan(0, |last, &end| Some(end - std::mem::replace(last, end)));
                most = most.saturating_mul(lens.max().unwrap_or(1).max(1));
            }
            if most > MOST_TERMS {
                return Ok(None);
            }
            stages.push(stage);
            (shape, more) = (next, &[]);
        }
        Ok(Some(Pieces { stages, most }))
    }

    /// The most elements of the tensors that one element is made of: what memory a piece takes.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The values of `count` elements from flat index `start` on, as bits: [`Pieces::given`] reads them.
    ///
    /// # Errors
    /// If the tensors cannot be read.
    pub fn values(&self, start: u64, count: usize, from: &dyn Gather) -> Result<Vec<u64>, Refusal> {
        let mut elements: Vec<u64> = (start..start + count as u64).collect();
        self.make(self.stages.len(), &mut elements, from)?;
        Ok(elements)
    }

    /// The number that these bits are; nothing if no step gave it.
    pub fn given(bits: u64) -> Option<f64> {
        (bits != ABSENT).then(|| f64::from_bits(bits))
    }

    /// Puts values in the place of indices of what stands behind the first `done` stages.
    fn make(&self, done: usize, elements: &mut [u64], from: &dyn Gather) -> Result<(), Refusal> {
        let mut factors = Vec::new();
        let mut joined = None;
        for (at, stage) in self.stages[..done].iter().enumerate().rev() {
            match stage {
                Stage::Same => {}
                Stage::Scale(factor) => factors.push(Factor::All(*factor)),
                Stage::Permute { sizes, strides } => given(elements, |index| permuted(index, sizes, strides)),
                Stage::Move { from: size, inner, indices, factors: by } => {
                    if let Some(by) = by {
                        let along = |index: u64| (index / inner) as usize % indices.len();
                        let each = |&index: &u64| if index == NOTHING { 1.0 } else { by[along(index)] };
                        factors.push(Factor::Each(elements.iter().map(each).collect()));
                    }
                    given(elements, |index| moved(index, *size, *inner, indices));
                }
                Stage::Sum { .. } => {
                    self.add_up(at, elements, from)?;
                    multiply(elements, &factors);
                    return Ok(());
                }
                Stage::Join { sizes, inner } => joined = Some((sizes, *inner)),
            }
        }
        match joined {
            Some((sizes, inner)) => gather_joined(elements, sizes, inner, from)?,
            None => gather(elements, 0, from)?,
        }
        multiply(elements, &factors);
        Ok(())
    }

    /// Makes the terms of each element, which are elements before stage `at`, and adds them up in their order.
    fn add_up(&self, at: usize, elements: &mut [u64], from: &dyn Gather) -> Result<(), Refusal> {
        let Stage::Sum { from: size, inner, ends, terms } = &self.stages[at] else { return Ok(()) };
        let row = |index: u64| {
            let along = (index / inner) as usize % ends.len();
            let begin = if along == 0 { 0 } else { ends[along - 1] };
            &terms[begin..ends[along]]
        };
        let mut needed = Vec::with_capacity(elements.len());
        for &index in elements.iter().filter(|&&index| index != NOTHING) {
            let outer = index / inner / ends.len() as u64;
            needed.extend(row(index).iter().map(|(source, _)| (outer * size + source) * inner + index % inner));
        }
        self.make(at, &mut needed, from)?;
        let mut rest = needed.as_slice();
        for element in elements.iter_mut() {
            if *element == NOTHING {
                *element = ABSENT;
                continue;
            }
            let row = row(*element);
            let (now, later) = rest.split_at(row.len());
            rest = later;
            *element = match (row, now) {
                ([], _) => ABSENT,
                ([(_, 1.0)], [one]) => *one,
                _ => {
                    row.iter().zip(now).map(|((_, factor), bits)| factor * f64::from_bits(*bits)).sum::<f64>().to_bits()
                }
            };
        }
        Ok(())
    }
}

impl Stage {
    fn of(step: &Step, shape: &[u64], next: &[u64], more: &[Vec<u64>]) -> Result<Option<Stage>, Refusal> {
        let sizes = |axis: usize| shape.get(axis + 1..).unwrap_or_default().iter().copied();
        let behind = |axis: usize| sizes(axis).fold(1, u64::saturating_mul).max(1);
        Ok(Some(match step {
            Step::Reshape { .. } => Stage::Same,
            Step::Scale { factor } => Stage::Scale(*factor),
            Step::Join { .. } if more.is_empty() => Stage::Same,
            Step::Join { axis } => {
                let sizes = std::iter::once(shape).chain(more.iter().map(Vec::as_slice)).map(|shape| shape[*axis]);
                Stage::Join { sizes: sizes.collect(), inner: behind(*axis) }
            }
            Step::Permute { order } => {
                let strides = order.iter().map(|&axis| behind(axis)).collect();
                Stage::Permute { sizes: next.to_vec(), strides }
            }
            Step::Along { map: Map::Mean { .. } | Map::Symbols { .. }, .. }
            | Step::Lengths { .. }
            | Step::Factor { .. }
            | Step::Given { .. }
            | Step::Less { .. } => return Ok(None),
            Step::Along { axis, map } => Stage::along(map, shape[*axis], behind(*axis))?,
        }))
    }

    fn along(map: &Map, from: u64, inner: u64) -> Result<Stage, Refusal> {
        let rows = map.rows(from)?;
        if rows.iter().any(|row| row.len() > 1) {
            let ends = rows.iter().scan(0, |end, row| {
                *end += row.len();
                Some(*end)
            });
            return Ok(Stage::Sum {
                from,
                inner,
                ends: ends.collect(),
                terms: rows.iter().flatten().copied().collect(),
            });
        }
        let indices = rows.iter().map(|row| row.first().map_or(NOTHING, |(index, _)| *index)).collect();
        let plain = rows.iter().flatten().all(|(_, factor)| *factor == 1.0);
        let factors = rows.iter().map(|row| row.first().map_or(1.0, |(_, factor)| *factor));
        Ok(Stage::Move { from, inner, indices, factors: (!plain).then(|| factors.collect()) })
    }
}

/// Changes the indices that there are.
fn given(elements: &mut [u64], change: impl Fn(u64) -> u64) {
    elements.iter_mut().filter(|index| **index != NOTHING).for_each(|index| *index = change(*index));
}

fn permuted(index: u64, sizes: &[u64], strides: &[u64]) -> u64 {
    let (mut rest, mut at) = (index, 0);
    for (size, stride) in sizes.iter().zip(strides).rev() {
        at += rest % size * stride;
        rest /= size;
    }
    at
}

fn moved(index: u64, from: u64, inner: u64, indices: &[u64]) -> u64 {
    let (rows, made) = (index / inner, indices.len() as u64);
    match indices[(rows % made) as usize] {
        NOTHING => NOTHING,
        along => (rows / made * from + along) * inner + index % inner,
    }
}

/// Reads the elements of one tensor.
fn gather(elements: &mut [u64], tensor: usize, from: &dyn Gather) -> Result<(), Refusal> {
    if !elements.contains(&NOTHING) {
        return from.gather(tensor, elements);
    }
    let mut there: Vec<u64> = elements.iter().copied().filter(|&index| index != NOTHING).collect();
    from.gather(tensor, &mut there)?;
    let mut values = there.into_iter();
    for element in elements {
        *element = if *element == NOTHING { ABSENT } else { values.next().unwrap_or(ABSENT) };
    }
    Ok(())
}

/// Reads elements of tensors that stand behind each other along an axis.
fn gather_joined(elements: &mut [u64], sizes: &[u64], inner: u64, from: &dyn Gather) -> Result<(), Refusal> {
    let total: u64 = sizes.iter().sum();
    let mut values = vec![ABSENT; elements.len()];
    let mut start = 0;
    for (tensor, &size) in sizes.iter().enumerate() {
        let (mut places, mut indices) = (Vec::new(), Vec::new());
        for (place, &index) in elements.iter().enumerate().filter(|(_, index)| **index != NOTHING) {
            let rows = index / inner;
            let along = rows % total;
            if (start..start + size).contains(&along) {
                places.push(place);
                indices.push((rows / total * size + along - start) * inner + index % inner);
            }
        }
        from.gather(tensor, &mut indices)?;
        places.into_iter().zip(indices).for_each(|(place, value)| values[place] = value);
        start += size;
    }
    elements.copy_from_slice(&values);
    Ok(())
}

/// Multiplies values by what was met on the way back, the last first.
fn multiply(values: &mut [u64], factors: &[Factor]) {
    for factor in factors.iter().rev() {
        for (at, value) in values.iter_mut().enumerate().filter(|(_, value)| **value != ABSENT) {
            let by = match factor {
                Factor::All(by) => *by,
                // A plain move among those that are multiplied keeps its bits.
                Factor::Each(each) if each[at] == 1.0 => continue,
                Factor::Each(each) => each[at],
            };
            *value = (f64::from_bits(*value) * by).to_bits();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Array, Taken};
    use super::*;
    use crate::dtype::Dtype;
    use proptest::prelude::*;

    struct Held(Vec<Array>);

    impl Gather for Held {
        fn gather(&self, tensor: usize, indices: &mut [u64]) -> Result<(), Refusal> {
            let values = self.0[tensor].values();
            for index in indices {
                *index = values[*index as usize].to_bits();
            }
            Ok(())
        }
    }

    fn take(shapes: &[Vec<u64>], steps: Vec<Step>) -> (Take, Vec<Array>) {
        let taken = |shape: &Vec<u64>| Taken {
            name: "w".into(),
            shape: shape.clone(),
            dtype: Dtype::F64,
            digest: String::new(),
        };
        let array = |(at, shape): (usize, &Vec<u64>)| {
            let values = (0..shape.iter().product()).map(|i: u64| 0.1 + at as f64 * 100.0 + i as f64 / 3.0).collect();
            Array::new(shape, values).unwrap()
        };
        let arrays = shapes.iter().enumerate().map(array).collect();
        let tensors = shapes.iter().map(taken).collect();
        (Take { file: "f".into(), tensors, steps, rest: None, noise: None }, arrays)
    }

    /// All elements, in pieces of so many.
    fn made(take: &Take, arrays: &[Array], piece: usize) -> Vec<u64> {
        let (pieces, held) = (Pieces::of(take).unwrap().unwrap(), Held(arrays.to_vec()));
        let total: u64 = take.shape().unwrap().iter().product();
        let starts = (0..total).step_by(piece);
        starts.flat_map(|at| pieces.values(at, piece.min((total - at) as usize), &held).unwrap()).collect()
    }

    fn whole(take: &Take, arrays: &[Array]) -> Vec<u64> {
        take.apply(arrays.to_vec()).unwrap().values().iter().map(|value| value.to_bits()).collect()
    }

    /// Maps of every kind that a piece can be made of, for an axis of four.
    fn map() -> impl Strategy<Value = Map> {
        prop_oneof![
            (0u64..3).prop_map(|start| Map::Slice { start, len: 4 - start }),
            Just(Map::Blocks { order: vec![3, 0, 2, 1] }),
            prop::collection::vec(0u64..4, 1..6).prop_map(|indices| Map::Choose { indices }),
            (1u64..5).prop_map(|to| Map::Select { to }),
            (4u64..9, any::<bool>()).prop_map(|(to, share)| Map::Repeat { to, share }),
            (1u64..7).prop_map(|to| Map::Channels { to }),
            (0u64..3, 0u64..3).prop_map(|(before, after)| Map::Pad { before, after }),
            (1u64..3).prop_map(|size| Map::Pool { size, to: 2 / size }),
            Just(Map::Mix { factors: vec![0.25, -1.5, 3.0, 0.1] }),
            (1u64..4, 1u64..4).prop_map(|(a, b)| Map::Grid { prefix: 0, from: vec![2, 2], to: vec![a, b] }),
        ]
    }

    /// A step that fits a tensor whose axes are of four where it matters.
    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            prop::sample::select(vec![vec![0, 1, 2], vec![2, 0, 1], vec![1, 0, 2], vec![2, 1, 0]])
                .prop_map(|order| Step::Permute { order }),
            (0usize..3, map()).prop_map(|(axis, map)| Step::Along { axis, map }),
            prop::sample::select(vec![0.7, -3.0]).prop_map(|factor| Step::Scale { factor }),
        ]
    }

    proptest! {
        #[test]
        fn pieces_have_the_bits_of_the_whole(
            (rows, joined) in (1u64..3, 1usize..4), steps in prop::collection::vec(step(), 0..5), piece in 1usize..40
        ) {
            let shapes: Vec<Vec<u64>> = (0..joined).map(|at| vec![4, rows * 4 / (at as u64 + 1), 4]).collect();
            let all = std::iter::once(Step::Join { axis: 1 }).chain(steps).collect();
            let (mut take, arrays) = take(&shapes, all);
            // Steps that do not fit are not what is tested.
            while take.shape().is_err() {
                take.steps.pop();
            }
            let last = take.shape().unwrap();
            take.steps.push(Step::Reshape { shape: vec![last.iter().product()] });
            prop_assert_eq!(made(&take, &arrays, piece), whole(&take, &arrays));
        }
    }

    #[test]
    fn what_needs_all_elements_is_told_apart() {
        for step in [
            Step::Lengths { shape: vec![4, 1] },
            Step::Along { axis: 0, map: Map::Mean { to: 6 } },
            Step::Along { axis: 0, map: Map::Symbols { rows: vec![Some(1), None], spread: 0.0, key: 0 } },
            Step::Given { shape: vec![1], values: vec![1.0] },
            Step::Along { axis: 1, map: Map::Mix { factors: vec![0.5; 300] } },
        ] {
            let wide = if matches!(step, Step::Along { axis: 1, .. }) { 300 } else { 4 };
            let (take, _) = take(&[vec![4, wide]], vec![step]);
            assert!(Pieces::of(&take).unwrap().is_none(), "{:?}", take.steps);
        }
        let (take, _) = take(&[vec![4, 4]], vec![Step::Along { axis: 0, map: Map::Slice { start: 3, len: 2 } }]);
        assert!(Pieces::of(&take).is_err());
    }

    #[test]
    fn an_element_knows_how_many_it_is_made_of() {
        let grid = Map::Grid { prefix: 0, from: vec![4], to: vec![9] };
        let steps = vec![Step::Along { axis: 0, map: grid }, Step::Along { axis: 1, map: Map::Channels { to: 1 } }];
        assert_eq!(Pieces::of(&take(&[vec![4, 3]], steps).0).unwrap().unwrap().most(), 12);
    }
}
