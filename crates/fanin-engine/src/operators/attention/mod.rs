//! `Attention`: scaled dot-product attention, with shared keys, masks and keys of the past.

mod product;

use super::concat::{join, part};
use super::transpose::permuted;
use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::reduce::sum_to;
use crate::setup::Setup;
use crate::shape::Loops;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use product::{Operands, Sizes, softmax};
use std::ops::{Range, RangeInclusive};

/// More scores than these are not computed at once.
const MOST_SCORES: usize = 1 << 31;

/// softmax(cap(scale · Q·Kᵀ) + mask)·V. Operands are `[images, heads, steps, size]`, or `[images, steps, heads · size]`
/// with the numbers of heads as attributes; Q may have more heads, which share those of K and V.
///
/// Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.
#[derive(Debug)]
pub(crate) struct Attention {
    causal: bool,
    /// How many keys before and behind a query's own are seen; all if it is not said.
    window: [Option<i64>; 2],
    heads: [Option<usize>; 2],
    scale: Option<f64>,
    cap: f64,
    /// Which scores the fourth output shows: products, capped, masked, shares.
    shown: i64,
    outputs: usize,
}

/// `[images, heads, steps, size]` of an operand.
fn laid_out(x: &Tensor, heads: Option<usize>) -> Result<Tensor, Refusal> {
    match (x.shape(), heads) {
        ([_, _, _, _], _) => Ok(x.clone()),
        (&[n, t, size], Some(heads)) if heads > 0 && size % heads == 0 => {
            permuted(&x.reshaped(&[n, t, heads, size / heads]), &[0, 2, 1, 3])
        }
        (shape, _) => Err(mismatch(
            format!("an operand of shape {shape:?} in {heads:?} heads"),
            "four dimensions, or three with a number of heads that divides the last",
        )),
    }
}

/// The same back, in the shape that the operand has.
fn given_back(x: Tensor, shape: &[usize]) -> Result<Tensor, Refusal> {
    if shape.len() == 4 { Ok(x) } else { Ok(permuted(&x, &[0, 2, 1, 3])?.reshaped(shape)) }
}

fn joined<T: Float>(_: &[T], past: Option<&Tensor>, now: Tensor) -> Result<Tensor, Refusal> {
    let Some(past) = past else { return Ok(now) };
    let mut shape = now.shape().to_vec();
    shape[2] += past.shape()[2];
    join::<T>(&[past.clone(), now], 2, &shape)
}

impl Attention {
    fn sizes(&self, inputs: &Inputs<'_>) -> Result<Sizes, Refusal> {
        let shape = |i: usize, heads: Option<usize>| -> Result<[usize; 4], Refusal> {
            let x = inputs.get(i)?;
            match (x.shape(), heads) {
                (&[a, b, c, d], _) => Ok([a, b, c, d]),
                (&[n, t, size], Some(heads)) if heads > 0 && size % heads == 0 => Ok([n, heads, t, size / heads]),
                _ => laid_out(x, heads).map(|_| [0; 4]),
            }
        };
        let [q, k, v] = [shape(0, self.heads[0])?, shape(1, self.heads[1])?, shape(2, self.heads[1])?];
        let fits = k[0] == q[0] && v[..3] == k[..3] && k[3] == q[3] && k[1] > 0 && q[1] % k[1] == 0;
        if !fits {
            return Err(mismatch(
                format!("Q, K and V are {q:?}, {k:?} and {v:?}"),
                "equal images, sizes and steps, and heads that share",
            ));
        }
        let mut past = 0;
        if let (Some(before), Some(other)) = (inputs.optional(4), inputs.optional(5)) {
            past = before.shape().get(2).copied().unwrap_or(0);
            let expected = [[k[0], k[1], past, k[3]], [v[0], v[1], past, v[3]]];
            if before.shape() != expected[0] || other.shape() != expected[1] {
                let wrong = format!("the past is {:?} and {:?}", before.shape(), other.shape());
                return Err(mismatch(wrong, format!("{expected:?}")));
            }
        } else if inputs.optional(4).is_some() || inputs.optional(5).is_some() {
            return Err(mismatch("one of past keys and past values is left out", "both, or neither"));
        }
        let sizes = Sizes {
            images: q[0],
            heads: q[1],
            groups: k[1],
            queries: q[2],
            keys: past + k[2],
            depth: q[3],
            width: v[3],
            past,
        };
        if let Some(mask) = inputs.optional(3) {
            let columns = mask.shape().last().copied().unwrap_or(0);
            let whole = [q[0], q[1], q[2], columns];
            if columns > sizes.keys || crate::shape::broadcast(&[mask.shape(), &whole])? != whole {
                return Err(mismatch(
                    format!("the mask has the shape {:?}", mask.shape()),
                    format!("one that broadcasts to {whole:?}"),
                ));
            }
        }
        Ok(sizes)
    }

    fn scale(&self, sizes: &Sizes) -> f64 {
        self.scale.unwrap_or(1.0 / (sizes.depth as f64).sqrt())
    }

    /// The keys that a row of scores sees; `valid` are numbers of keys for each image, of which queries are the last.
    fn seen(&self, row: usize, valid: Option<&[i64]>, sizes: &Sizes) -> Range<usize> {
        let (image, query) = (row / (sizes.heads * sizes.queries), (row % sizes.queries) as i64);
        let all = valid.map_or(sizes.keys as i64, |valid| valid[image]);
        let own = query + if valid.is_some() { all - sizes.queries as i64 } else { sizes.past as i64 };
        let before = self.window[0].map_or(0, |before| own.saturating_sub(before)).clamp(0, all);
        let behind = if self.causal { Some(0) } else { self.window[1] };
        let end = behind.map_or(all, |behind| own.saturating_add(behind).saturating_add(1)).clamp(before, all);
        before as usize..end as usize
    }

    /// Numbers of keys that count, for each image.
    fn valid(inputs: &Inputs<'_>, sizes: &Sizes) -> Result<Option<Vec<i64>>, Refusal> {
        let Some(counts) = inputs.optional(6) else { return Ok(None) };
        let valid = counts.ints()?;
        let sound = valid.iter().all(|&n| (0..=sizes.keys as i64).contains(&n));
        if counts.shape() != [sizes.images] || !sound || inputs.optional(4).is_some() {
            let wrong = format!("numbers of keys are {valid:?} for {} images", sizes.images);
            return Err(mismatch(wrong, format!("0 to {} for each image, and no past", sizes.keys)));
        }
        Ok(Some(valid))
    }

    /// Adds the mask to scores; what is not let through is −∞.
    fn mask<T: Float>(&self, scores: &mut [T], mask: Option<&Tensor>, valid: Option<&[i64]>, sizes: &Sizes) {
        if let Some(mask) = mask {
            let columns = mask.shape().last().copied().unwrap_or(0);
            let loops = Loops::broadcast(&[sizes.images, sizes.heads, sizes.queries, columns], [mask.shape()]);
            let ([step], values) = (loops.steps(), mask.to_f64s());
            let value = |at: usize| match mask.dtype() {
                Dtype::Bool if values[at] == 0.0 => T::LEAST,
                Dtype::Bool => T::ZERO,
                _ => T::from_f64(values[at]),
            };
            loops.stretches(0..sizes.scores() / sizes.keys.max(1) * columns, |[from], at, length| {
                for i in 0..length {
                    let place = (at + i) / columns * sizes.keys + (at + i) % columns;
                    scores[place] += value(from + i * step);
                }
            });
            for row in scores.chunks_mut(sizes.keys.max(1)) {
                row[columns..].fill(T::LEAST);
            }
        }
        if self.causal || valid.is_some() || self.window != [None; 2] {
            for (row, scores) in scores.chunks_mut(sizes.keys.max(1)).enumerate() {
                let seen = self.seen(row, valid, sizes);
                scores[..seen.start].fill(T::LEAST);
                scores[seen.end..].fill(T::LEAST);
            }
        }
    }

    fn compute<T: Float>(&self, x: &[T], inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let sizes = self.sizes(inputs)?;
        let q = laid_out(inputs.get(0)?, self.heads[0])?;
        let k = joined(x, inputs.optional(4), laid_out(inputs.get(1)?, self.heads[1])?)?;
        let v = joined(x, inputs.optional(5), laid_out(inputs.get(2)?, self.heads[1])?)?;
        let of = Operands { q: q.expect::<T>()?, k: k.expect()?, v: v.expect()? };
        let mut scores = sizes.products(&of, T::from_f64(self.scale(&sizes)));
        let shape = [sizes.images, sizes.heads, sizes.queries, sizes.keys];
        let mut shown = None;
        let mut show = |stage: i64, scores: &[T]| {
            if self.outputs > 3 && self.shown == stage {
                shown = Some(Tensor::of(&shape, scores.to_vec()));
            }
        };
        show(0, &scores);
        let mut capped = Vec::new();
        if self.cap > 0.0 {
            let cap = T::from_f64(self.cap);
            for x in &mut scores {
                *x = (*x / cap).tanh() * cap;
            }
            capped.clone_from(&scores);
        }
        show(1, &scores);
        self.mask(&mut scores, inputs.optional(3), Self::valid(inputs, &sizes)?.as_deref(), &sizes);
        show(2, &scores);
        softmax(&mut scores, sizes.keys);
        show(3, &scores);
        let y = Tensor::of(&[sizes.images, sizes.heads, sizes.queries, sizes.width], sizes.mixed(&of, &scores));
        let specs = self.specs(&sizes, inputs)?;
        let mut outputs = vec![given_back(y, &specs[0].shape)?, k.clone(), v.clone()];
        outputs.extend(shown);
        outputs.truncate(self.outputs);
        let (shares, capped) = (Tensor::of(&shape, scores), Tensor::of(&[capped.len()], capped));
        for tensor in [q, k, v, shares, capped] {
            pass.save(|| tensor);
        }
        Ok(outputs)
    }

    fn specs(&self, sizes: &Sizes, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let q = inputs.get(0)?;
        let Sizes { images, heads, groups, queries, keys, depth, width, .. } = *sizes;
        let y = if q.rank() == 4 { vec![images, heads, queries, width] } else { vec![images, queries, heads * width] };
        let shapes = [
            y,
            vec![images, groups, keys, depth],
            vec![images, groups, keys, width],
            vec![images, heads, queries, keys],
        ];
        Ok(shapes.into_iter().take(self.outputs).map(|shape| Spec { dtype: q.dtype(), shape }).collect())
    }

    fn gradients<T: Float>(&self, _: &[T], pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let [q, k, v, shares, capped] =
            [pass.saved(0)?, pass.saved(1)?, pass.saved(2)?, pass.saved(3)?, pass.saved(4)?];
        let (&[images, heads, queries, depth], &[_, groups, keys, width]) = (q.shape(), v.shape()) else {
            return Err(mismatch("saved operands of other shapes", "four dimensions"));
        };
        if pass.grads.get(3).is_some_and(Option::is_some) {
            return Err(mismatch("the gradient of the scores is wanted", "that of the result, and of keys and values"));
        }
        let past = keys
            - if pass.input_spec(1)?.shape.len() == 4 {
                pass.input_spec(1)?.shape[2]
            } else {
                pass.input_spec(1)?.shape[1]
            };
        let sizes = Sizes { images, heads, groups, queries, keys, depth, width, past };
        let g = match pass.grads.first().and_then(Option::as_ref) {
            Some(g) => laid_out(g, Some(heads))?,
            None => Tensor::zeros(&Spec::new(q.dtype(), &[images, heads, queries, width]))?,
        };
        let of = Operands { q: q.expect::<T>()?, k: k.expect()?, v: v.expect()? };
        let (capped, cap) = (capped.expect::<T>()?, T::from_f64(self.cap));
        let slope = |i: usize| if self.cap > 0.0 { T::ONE - capped[i] / cap * (capped[i] / cap) } else { T::ONE };
        let slopes = sizes.back(&of, shares.expect()?, g.expect()?, T::from_f64(self.scale(&sizes)), &slope);
        let mut grads: Vec<Option<Tensor>> = vec![None; pass.inputs.len()];
        if pass.wants(0) {
            grads[0] = Some(given_back(Tensor::of(q.shape(), slopes.q), &pass.input_spec(0)?.shape)?);
        }
        for (now, before, output, shape, values) in [(1, 4, 1, k.shape(), slopes.k), (2, 5, 2, v.shape(), slopes.v)] {
            let mut all = Tensor::of(shape, values);
            if let Some(more) = pass.grads.get(output).and_then(Option::as_ref) {
                all.accumulate(more)?;
            }
            if pass.wants(now) {
                grads[now] = Some(given_back(part(&all, 2, past, keys - past)?, &pass.input_spec(now)?.shape)?);
            }
            if pass.wants(before) {
                grads[before] = Some(part(&all, 2, 0, past)?);
            }
        }
        if pass.wants(3) {
            let columns = pass.input_spec(3)?.shape.last().copied().unwrap_or(0);
            let whole = part(&Tensor::of(shares.shape(), slopes.bias), 3, 0, columns)?;
            let own = sum_to(whole.expect::<T>()?.to_vec(), whole.shape(), &pass.input_spec(3)?.shape)?;
            grads[3] = Some(own);
        }
        Ok(grads)
    }
}

impl Define for Attention {
    const NAME: &'static str = "Attention";
    const SINCE: u64 = 23;
    const INPUTS: RangeInclusive<usize> = 3..=7;
    const OUTPUTS: RangeInclusive<usize> = 1..=4;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        // Softmax is computed in the operands' type.
        setup.ignore("softmax_precision");
        let heads = |name: &str| -> Result<Option<usize>, Refusal> {
            let count = setup.optional_int(name)?;
            count.map(|n| usize::try_from(n).map_err(|_| Setup::refuse(name, n, "1 or more"))).transpose()
        };
        let window = |name: &str| -> Result<Option<i64>, Refusal> {
            match setup.int(name, -1)? {
                -1 => Ok(None),
                size if size >= 0 => Ok(Some(size)),
                size => Err(Setup::refuse(name, size, "−1 or more")),
            }
        };
        let shown = setup.int("qk_matmul_output_mode", 0)?;
        if !(0..4).contains(&shown) {
            return Err(Setup::refuse("qk_matmul_output_mode", shown, "0 to 3"));
        }
        Ok(Attention {
            causal: setup.flag("is_causal", false)?,
            window: [window("left_window_size")?, window("right_window_size")?],
            heads: [heads("q_num_heads")?, heads("kv_num_heads")?],
            scale: setup.optional_float("scale")?,
            cap: setup.float("softcap", 0.0)?,
            shown,
            outputs: setup.outputs(),
        })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let of = |name: &str, q: &[usize], k: &[usize], v: &[usize]| Case::new(name).random(q).random(k).random(v);
        let small = |name: &str| of(name, &[2, 2, 3, 4], &[2, 2, 3, 4], &[2, 2, 3, 5]);
        let flat =
            |name: &str| of(name, &[2, 3, 8], &[2, 4, 4], &[2, 4, 6]).int("q_num_heads", 4).int("kv_num_heads", 2);
        let one = |name: &str| {
            let case = Case::new(name).input(t(&[1, 1, 2, 1], &[1.0, 0.0])).input(t(&[1, 1, 2, 1], &[0.0, 3f64.ln()]));
            case.input(t(&[1, 1, 2, 1], &[0.0, 8.0]))
        };
        let mask = Tensor::of(&[3, 3], vec![true, false, true, false, false, false, true, true, false]);
        vec![
            one("two steps").expect(t(&[1, 1, 2, 1], &[6.0, 4.0])),
            one("looking back").int("is_causal", 1).expect(t(&[1, 1, 2, 1], &[0.0, 4.0])),
            small("heads").outputs(3),
            small("capped and scaled").float("softcap", 0.5).float("scale", 1.3),
            small("a mask, and a row that sees nothing").input(mask),
            small("numbers added").random(&[2, 1, 3, 2]),
            flat("shared keys").int("is_causal", 1),
            flat("with a past").none().random(&[2, 2, 3, 2]).random(&[2, 2, 3, 3]).int("is_causal", 1).outputs(3),
            small("scores shown").int("qk_matmul_output_mode", 2).outputs(4).without_gradients(),
            one("keys that count").none().none().none().ints(&[1]).expect(t(&[1, 1, 2, 1], &[0.0, 0.0])),
            // The first image's queries stand behind its first key, the second's at its end.
            small("keys that count, looking back").none().none().none().ints(&[2, 3]).int("is_causal", 1),
            small("a window").int("left_window_size", 1).int("right_window_size", 0),
            small("a window behind").int("right_window_size", 1),
            small("too many keys").none().none().none().ints(&[2, 4]).refused("0 to 3"),
            of("three heads for two", &[1, 3, 2, 2], &[1, 2, 2, 2], &[1, 2, 2, 2]).refused("heads that share"),
            of("no number of heads", &[1, 3, 2], &[1, 3, 2], &[1, 3, 2]).refused("number of heads"),
            small("a long mask").random(&[3, 4]).refused("broadcasts to"),
            small("half a past").none().random(&[2, 2, 1, 4]).refused("both, or neither"),
        ]
    }
}

impl Operator for Attention {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let q = inputs.get(0)?;
        on_floats!(q, _values => ());
        for i in [1, 2, 4, 5].into_iter().filter(|&i| inputs.optional(i).is_some()) {
            inputs.same_dtype(0, i)?;
        }
        if inputs.optional(3).is_some_and(|mask| mask.dtype() != Dtype::Bool) {
            inputs.same_dtype(0, 3)?;
        }
        let sizes = self.sizes(inputs)?;
        // The scores may be larger than all outputs together, which are what the run counts.
        let scores = [sizes.images, sizes.heads, sizes.queries, sizes.keys];
        let counted = crate::shape::count(&scores).filter(|&count| count <= MOST_SCORES);
        counted.ok_or_else(|| mismatch(format!("scores of shape {scores:?}"), "fewer steps"))?;
        Self::valid(inputs, &sizes)?;
        self.specs(&sizes, inputs)
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, values => self.compute(values, inputs, pass))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let q = pass.saved(0)?;
        on_floats!(q, values => self.gradients(values, pass))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
