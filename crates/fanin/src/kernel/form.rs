//! [`Form`]: a distribution as the few binary32 numbers that a kernel needs.

use crate::law::{Dist, Quantile};
use crate::numerics::{normal_cdf, normal_tail};

/// How the values of one distribution are made from random words.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// All values are this one.
    Constant(f32),
    /// `offset + scale·x(word)` with x by [`Shape`], in binary32 and vector registers.
    Scaled(Scaled),
    /// The binary64 quantile, rounded to binary32: for cuts that the shapes cannot express.
    Exact(Quantile),
}

/// A scaled standard variate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaled {
    pub(super) shape: Shape,
    pub(super) scale: f32,
    pub(super) offset: f32,
    /// Bounds that rounding must not cross, where it could.
    pub(super) bounds: Option<[f32; 2]>,
}

/// A standard variate as a function of a word w, u = (w + ½)/2³².
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// w − 2³¹, rounded to binary32.
    Uniform,
    /// The normal quantile of u on the interval that the cut leaves.
    Normal(Tails),
    /// sin(π(u − ½)).
    Sine,
}

/// Where the tails of a normal begin: `q = slope·h + floor` is 2³² times the probability of its nearer tail, for h = w
/// in the lower half and h = 2³² − 1 − w in the upper one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tails {
    pub(super) slope: f32,
    pub(super) floor: f32,
}

/// What is below this cannot be seen by a word of 32 bits.
const INVISIBLE: f64 = 1.0 / (1u64 << 40) as f64;

impl Form {
    pub(super) fn new(dist: &Dist) -> Form {
        if let Some(value) = dist.constant() {
            return Form::Constant(value as f32);
        }
        match *dist {
            Dist::Constant(value) => Form::Constant(value as f32),
            Dist::Uniform { low, high } => Form::Scaled(uniform(low, high)),
            Dist::Normal { mean, std } => Form::Scaled(Scaled {
                shape: Shape::Normal(Tails::leaving_out(0.0)),
                scale: std as f32,
                offset: mean as f32,
                bounds: None,
            }),
            Dist::Arcsine { mean, amplitude } => Form::Scaled(Scaled {
                shape: Shape::Sine,
                scale: amplitude as f32,
                offset: mean as f32,
                bounds: Some([(mean - amplitude) as f32, (mean + amplitude) as f32]),
            }),
            Dist::Truncated { mean, std, low, high } => {
                truncated(mean, std, low, high).map_or_else(|| Form::Exact(Quantile::new(dist)), Form::Scaled)
            }
        }
    }
}

impl Tails {
    /// The tails of a normal of which `cut` is missing at either end: at h = 0 the probability is `cut` and half a word,
    /// at h = 2³¹ − 1 it is just below ½. For cuts that leave more than 1/1024.
    fn leaving_out(cut: f64) -> Tails {
        const WORDS: f64 = 4_294_967_296.0;
        const HALF: f32 = 2_147_483_648.0;
        let kept = 1.0 - 2.0 * cut;
        let floor = (cut * WORDS + 0.5 * kept) as f32;
        let mut slope = kept as f32;
        // Binary32 holds no 2³¹ − 1: the image of 2³¹, its neighbour, has to stay below 2³¹, where the tables end.
        while HALF.mul_add(slope, floor) >= HALF {
            slope = slope.next_down();
        }
        Tails { slope, floor }
    }
}

fn uniform(low: f64, high: f64) -> Scaled {
    let width = high - low;
    let offset = (low + width * (0.5 + 1.0 / (1u64 << 33) as f64)) as f32;
    let mut scale = (width / (1u64 << 32) as f64) as f32;
    let bounds = [low as f32, high as f32];
    // The extremes are x = ±2³¹. A scale that is an ulp or two too small moves no other value by more than rounding does,
    // and saves the comparisons with the bounds.
    for _ in 0..4 {
        let end = |x: f32| x.mul_add(scale, offset);
        if bounds[0] <= end(-2_147_483_648.0) && end(2_147_483_648.0) <= bounds[1] {
            return Scaled { shape: Shape::Uniform, scale, offset, bounds: None };
        }
        scale = scale.next_down();
    }
    Scaled { shape: Shape::Uniform, scale, offset, bounds: Some(bounds) }
}

/// A cut that is symmetric, or too far out at both ends to be seen.
fn truncated(mean: f64, std: f64, low: f64, high: f64) -> Option<Scaled> {
    let (a, b) = ((low - mean) / std, (high - mean) / std);
    let (below, above) = (normal_cdf(a), normal_tail(b));
    let cut = if below < INVISIBLE && above < INVISIBLE {
        0.0
    } else if (a + b).abs() < 1e-7 {
        // Binary32 cannot hold a smaller difference of the two ends.
        normal_cdf(0.5 * (a - b))
    } else {
        return None;
    };
    // What a narrow cut leaves is near the mean, where these kernels have no relative precision.
    if 1.0 - 2.0 * cut < 1.0 / 1024.0 {
        return None;
    }
    let tails = Tails::leaving_out(cut);
    let bounds = Some([low as f32, high as f32]);
    Some(Scaled { shape: Shape::Normal(tails), scale: std as f32, offset: mean as f32, bounds })
}
