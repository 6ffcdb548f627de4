//! The picture of a method: the density of independent values, or the values themselves where they depend on each other.

use super::method::shape;
use super::picture::{self, Curve};
use fanin::methods::{Case, Entry, resolve};
use fanin::numerics;
use fanin::{Call, Dist, Dtype, Law, Param, Region, Stream};

/// Side of the matrix that is shown of a law of whole tensors.
const SIDE: u64 = 24;
/// How far the horizontal axis reaches from the mean where the values have no bound, in standard deviations.
const REACH: f64 = 3.5;

/// What the picture shows, in words.
pub(super) fn caption(entry: &Entry) -> anyhow::Result<String> {
    let (call, shown, law) = example(entry)?;
    let size = shape(&shown);
    let part = entry.about().cases.first().map_or("", |case| case.part);
    let what = if part.is_empty() { format!("a weight of {size}") } else { format!("the {part} gate of {size} units") };
    Ok(match law {
        Law::Each(_) => format!("density of {call} for {what}"),
        Law::Whole(_) if shown.len() < 2 => format!("values of {call} for {what}, seed 0"),
        Law::Whole(_) => format!("values of {call} for {what}, seed 0, a row for each output"),
    })
}

/// The picture of a method as SVG.
pub(super) fn of(entry: &Entry) -> anyhow::Result<String> {
    let source = format!("crates/fanin/src/methods/{}.rs", entry.about().name);
    let (_, shown, law) = example(entry)?;
    let drawing = match law {
        Law::Each(dist) => picture::density(&caption(entry)?, &curve(&dist)),
        Law::Whole(structure) => {
            let mut values = vec![0.0; shown.iter().product::<u64>() as usize];
            structure.prepare(Stream::new(0, "w")).fill(&Region::All, &mut values);
            let columns = if shown.len() > 1 { values.len() / shown[0].max(1) as usize } else { SIDE as usize };
            picture::matrix(&caption(entry)?, columns, &values)
        }
    };
    Ok(super::head(&source) + &drawing)
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
        [] => {}
        [all] => *all = SIDE * SIDE,
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
