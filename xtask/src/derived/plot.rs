//! The picture of a method: the density of independent values, or the values themselves where they depend on each other.

use super::method::shape;
use super::picture::{self, Curve};
use fanin::methods::{Case, Entry, resolve};
use fanin::numerics;
use fanin::{Call, Dist, Dtype, Law, Param, Region, Role, Stream, Structure};

/// Side of the matrix that is shown of a law of whole tensors.
const SIDE: u64 = 24;
/// How far the horizontal axis reaches from the mean where the values have no bound, in standard deviations.
const REACH: f64 = 3.5;

/// What the picture shows, in words.
pub(super) fn caption(entry: &Entry) -> anyhow::Result<String> {
    let (call, shown, law) = example(entry)?;
    let case = entry.about().cases.first().copied();
    let (role, part) = case.map_or((Role::Weight, ""), |case| (case.role, case.part));
    let article = if role.to_string().starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    let size = shape(&shown);
    let what = if part.is_empty() { format!("{article} {role} of {size}") } else { format!("the {part} gate") };
    Ok(match law {
        Law::Each(_) => format!("density of {call} for {what}"),
        Law::Whole(structure) if shown.len() < 2 && is_random(&*structure, &shown) => {
            format!("density of {call} for {what}")
        }
        Law::Whole(_) if shown.len() < 2 => format!("values of {call} for {what}"),
        Law::Whole(_) => format!("values of {call} for {what}, seed 0, a row for each output"),
    })
}

/// The picture of a method as SVG.
pub(super) fn of(entry: &Entry) -> anyhow::Result<String> {
    let source = format!("crates/fanin/src/methods/{}.rs", entry.about().name);
    let (_, shown, law) = example(entry)?;
    let caption = caption(entry)?;
    let drawing = match law {
        Law::Each(dist) => picture::density(&caption, &curve(&dist)),
        Law::Whole(structure) if shown.len() < 2 => {
            if is_random(&*structure, &shown) {
                picture::density(&caption, &histogram(&*structure, &shown))
            } else {
                picture::bars(&caption, &filled(&*structure, &shown, 0))
            }
        }
        Law::Whole(structure) => {
            let values = filled(&*structure, &shown, 0);
            let columns = values.len() / shown[0].max(1) as usize;
            picture::matrix(&caption, columns, &values)
        }
    };
    Ok(super::head(&source) + &drawing)
}

fn filled(structure: &dyn Structure, shape: &[u64], seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; shape.iter().product::<u64>() as usize];
    structure.prepare(Stream::new(seed, "w")).fill(&Region::All, &mut values);
    values
}

/// Whether seeds matter.
fn is_random(structure: &dyn Structure, shape: &[u64]) -> bool {
    filled(structure, shape, 0) != filled(structure, shape, 1)
}

/// How often a vector's values fall into each of some bins, over many seeds.
fn histogram(structure: &dyn Structure, shape: &[u64]) -> Curve {
    const BINS: usize = 40;
    const WANTED: usize = 40_000;
    let each = shape.iter().product::<u64>().max(1) as usize;
    let seeds = WANTED.div_ceil(each) as u64;
    let values: Vec<f32> = (0..seeds).flat_map(|seed| filled(structure, shape, seed)).collect();
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let bin = |value: f64| {
        let share = (value - f64::from(low)) / f64::from(high - low).max(f64::MIN_POSITIVE);
        ((share * BINS as f64) as usize).min(BINS - 1)
    };
    let mut counts = [0.0; BINS];
    for value in &values {
        counts[bin(f64::from(*value))] += 1.0;
    }
    Curve::new(f64::from(low), f64::from(high), |value| counts[bin(value)])
}

/// The first worked case. A law of whole tensors is shown for a square matrix, whatever the case's shape.
fn example(entry: &Entry) -> anyhow::Result<(Call, Vec<u64>, Law)> {
    let Some(case) = entry.about().cases.first().copied() else { anyhow::bail!("{entry:?} has no case") };
    let call: Call = case.call.parse()?;
    let law = law(&call, case.shape, &case)?;
    if matches!(law, Law::Each(_)) {
        return Ok((call, case.shape.to_vec(), law));
    }
    let mut square = case.shape.to_vec();
    match &mut square[..] {
        // A vector is shown as it is.
        [] | [_] => {}
        [rows, columns, field @ ..] => {
            *rows = SIDE;
            *columns = SIDE / field.iter().product::<u64>().clamp(1, SIDE);
        }
    }
    // A table that is for other shapes only is shown as its case has it.
    match self::law(&call, &square, &case) {
        Ok(law) => Ok((call, square, law)),
        Err(_) => Ok((call, case.shape.to_vec(), law)),
    }
}

fn law(call: &Call, shape: &[u64], case: &Case) -> anyhow::Result<Law> {
    let param = Param { shape: shape.to_vec(), ..case.param("w", Dtype::F32) };
    Ok(resolve(call)?.method.law(&param)?)
}

/// Where the values lie and how densely, without the constant factor.
fn curve(dist: &Dist) -> Curve {
    let bell = |mean: f64, std: f64| move |x: f64| numerics::exp(-0.5 * (x - mean) * (x - mean) / (std * std));
    match *dist {
        Dist::Constant(value) => Curve::spike(value),
        Dist::Uniform { low, high } => Curve::new(low, high, |_| 1.0),
        Dist::Normal { mean, std } => Curve::new(mean - REACH * std, mean + REACH * std, bell(mean, std)),
        Dist::Truncated { mean, std, low, high } => {
            Curve::new(low.max(mean - REACH * std), high.min(mean + REACH * std), bell(mean, std))
        }
        Dist::Arcsine { mean, amplitude: a } => {
            // The density grows without bound towards the ends; the picture ends where it is five times the middle's.
            let density = move |x: f64| 1.0 / (1.0 - (x - mean) * (x - mean) / (a * a)).max(0.04).sqrt();
            Curve::new(mean - a, mean + a, density)
        }
    }
}
