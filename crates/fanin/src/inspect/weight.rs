//! One parameter: what it holds, and what is wrong with that by itself and by its plan.

use super::expect::{Shape, allowance};
use super::tally::{Tally, elements, rounding, smallest_normal};
use super::units::{Units, mixed};
use super::{Inspector, Weighed};
use crate::axes::{Count, Fan};
use crate::dtype::Dtype;
use crate::generate::Filler;
use crate::law::Law;
use crate::param::{Param, Part};
use crate::plan::{Action, Decision, Origin};
use crate::region::Region;
use crate::report::{Expected, Finding, Healthy, Name, WeightRow};
use crate::role::Role;
use crate::spectrum::{effective_rank, singular_values, stable_rank};
use crate::tied::Form;

/// Steps of a histogram.
const STEPS: usize = 16;
/// The largest smaller side, and the most elements, of matrices whose singular values are computed.
const LARGEST_SIDE: usize = 256;
const MOST_ELEMENTS: usize = 1 << 20;
/// Without a plan: std · √fan-in of the published methods lies between 0.02 (a sine's first layer over 800 inputs) and 3.9
/// (15 unit weights for each unit, Martens 2010); `auto` gives up to 4 to the layer before a head.
const ANY_METHOD: [f64; 2] = [0.01, 6.0];

/// Looks at one parameter.
pub(super) fn weigh(inspector: &Inspector<'_>, param: &Param, bytes: &[u8]) -> Weighed {
    let planned = inspector.planned(param);
    let pivot = planned.as_ref().map_or_else(|| first(bytes, param.dtype), |p| p.laws.mean());
    let tally = Tally::of(bytes, param.dtype, pivot);
    let units = units(param, bytes);
    let ranks = ranks(param, bytes);
    let equal = planned.as_ref().filter(|_| inspector.strict).map(|p| is_equal(p, inspector.seed(), param, bytes));
    let row = row(param, bytes, &tally, planned.as_ref(), units.as_ref(), ranks, equal);
    let mut weighed = Weighed { row, units, print: print(bytes), findings: Vec::new(), call: None };
    weighed.call = planned.as_ref().map(|p| call(p.drawn));
    weighed.findings = by_itself(param, &tally);
    if equal == Some(true) {
        return weighed;
    }
    let mut more = match &planned {
        Some(planned) if inspector.strict => against(planned, inspector, param, bytes, &tally),
        _ => against_any(param, &tally),
    };
    if tally.non_finite == 0 {
        more.extend(structure(planned.as_ref(), inspector.seed(), param, &weighed));
        weighed.findings.append(&mut more);
    }
    weighed
}

fn call(decision: &Decision) -> String {
    match &decision.action {
        Action::Fill(call) => call.to_string(),
        Action::Keep => "keep".to_owned(),
        Action::Tie(tied) => format!("{} {}", tied.form, tied.to),
        Action::Take(take) => format!("take from {}", take.file),
    }
}

fn first(bytes: &[u8], dtype: Dtype) -> f64 {
    let element = dtype.size().and_then(|size| bytes.get(..size));
    element.and_then(|bytes| dtype.number(bytes)).filter(|x| x.is_finite()).unwrap_or(0.0)
}

fn row(
    param: &Param,
    bytes: &[u8],
    tally: &Tally,
    planned: Option<&Origin<'_>>,
    units: Option<&Units>,
    ranks: Option<[f64; 2]>,
    equal: Option<bool>,
) -> WeightRow {
    let alike = units.map(|units| units.outputs.alike());
    let expected = planned.map(|p| {
        let bounds = match &p.laws.parts[..] {
            [(_, law)] if p.drawn.adjust.is_identity() && p.form != Form::Lengths => Shape::of(law).bounds,
            _ => None,
        };
        let std = if p.form == Form::Lengths { f64::NAN } else { p.drawn.std().unwrap_or(0.0) };
        Expected { call: call(p.drawn), mean: p.laws.mean(), std, bounds }
    });
    WeightRow {
        name: param.name.clone(),
        shape: param.shape.clone(),
        dtype: param.dtype,
        role: param.role.value,
        equal,
        expected_std: expected.as_ref().map(|e| e.std).filter(|std| std.is_finite()),
        expected: expected.filter(|e| e.std.is_finite()),
        std: tally.variance().sqrt(),
        mean: tally.mean(),
        min: if tally.count == 0 { f64::NAN } else { tally.min },
        max: if tally.count == 0 { f64::NAN } else { tally.max },
        non_finite: tally.non_finite,
        zeros: tally.zeros as f64 / (tally.count + tally.non_finite).max(1) as f64,
        zero_rows: alike.map(|a| a.zero),
        repeated_rows: alike.map(|a| a.repeated),
        opposite_rows: alike.map(|a| a.opposite),
        stable_rank: ranks.map(|r| r[0]),
        effective_rank: ranks.map(|r| r[1]),
        histogram: histogram(bytes, param.dtype, tally),
    }
}

fn histogram(bytes: &[u8], dtype: Dtype, tally: &Tally) -> Vec<u64> {
    let width = tally.max - tally.min;
    if tally.count == 0 || width.is_nan() || width <= 0.0 {
        return Vec::new();
    }
    let mut steps = vec![0; STEPS];
    elements(bytes, dtype, &mut |x| {
        if x.is_finite() {
            steps[(((x - tally.min) / width * STEPS as f64) as usize).min(STEPS - 1)] += 1;
        }
    });
    steps
}

/// A fingerprint of all elements.
fn print(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let print = words.iter().fold(bytes.len() as u64, |print, word| mixed(print, u64::from_le_bytes(*word)));
    rest.iter().fold(print, |print, &byte| mixed(print, u64::from(byte)))
}

fn carries_units(param: &Param) -> bool {
    matches!(param.role.value, Role::Weight | Role::Recurrent | Role::Embedding)
}

fn units(param: &Param, bytes: &[u8]) -> Option<Units> {
    let axes = param.axes.as_ref().filter(|_| carries_units(param))?;
    Units::of(bytes, param.dtype, &param.shape, &axes.value)
}

/// Stable and effective rank as shares of the possible.
fn ranks(param: &Param, bytes: &[u8]) -> Option<[f64; 2]> {
    let axes = param.axes.as_ref().filter(|_| matches!(param.role.value, Role::Weight | Role::Recurrent))?;
    let outs = axes.value.out_dims();
    let count = usize::try_from(param.count().ok()?).ok().filter(|&n| n <= MOST_ELEMENTS)?;
    // Rows have to be contiguous: outputs first, or last.
    let (first, last) = (outs == [0], outs == [param.shape.len().checked_sub(1)?]);
    let units = *param.shape.get(*outs.first()?)? as usize;
    if !(first || last) || units == 0 || axes.value.groups > 1 || param.shape.len() < 2 {
        return None;
    }
    let rows = if first { units } else { count / units };
    let side = rows.min(count / rows.max(1));
    if !(2..=LARGEST_SIDE).contains(&side) {
        return None;
    }
    let mut matrix = Vec::with_capacity(count);
    elements(bytes, param.dtype, &mut |x| matrix.push(x));
    let singular = singular_values(&matrix, rows);
    let share = |rank: f64| rank / side as f64;
    singular.iter().all(|s| s.is_finite()).then(|| [share(stable_rank(&singular)), share(effective_rank(&singular))])
}

/// What is wrong with any tensor.
fn by_itself(param: &Param, tally: &Tally) -> Vec<Finding> {
    let mut findings = Vec::new();
    if tally.non_finite > 0 {
        let text =
            format!("{} of {} elements are infinite or no numbers.", tally.non_finite, tally.count + tally.non_finite);
        findings.push(Finding::new(Name::NonFinite, &param.name).value(tally.non_finite as f64).text(text));
    }
    let filled = tally.count - tally.zeros;
    let share = tally.subnormal as f64 / filled.max(1) as f64;
    if !Name::Subnormal.healthy().holds(share) {
        let text = format!(
            "{:.0} % of its non-zero elements lie below {:.1e}, where {} has fewer digits: they are stored coarsely, and \
             their updates may be lost.",
            100.0 * share,
            smallest_normal(param.dtype),
            param.dtype
        );
        findings.push(Finding::new(Name::Subnormal, &param.name).value(share).text(text));
    }
    findings
}

/// Against what any method may give.
fn against_any(param: &Param, tally: &Tally) -> Vec<Finding> {
    let std = tally.variance().sqrt();
    let fan =
        param.fan(Fan::In, Count::True).ok().filter(|_| matches!(param.role.value, Role::Weight | Role::Recurrent));
    let Some(fan) = fan.filter(|_| std > 0.0) else { return Vec::new() };
    let (value, healthy) = (std * fan.sqrt(), Healthy::between(ANY_METHOD[0], ANY_METHOD[1]));
    if healthy.holds(value) {
        return Vec::new();
    }
    let text = format!(
        "Its std is {std:.3e} over {fan} inputs; no published method is that {}.",
        if value > 1.0 { "wide" } else { "narrow" }
    );
    let finding = Finding::new(Name::WrongScale, &param.name).quantity("standard deviation · √fan-in");
    vec![finding.value(value).healthy(healthy).text(text)]
}

/// Against the plan.
fn against(
    planned: &Origin<'_>,
    inspector: &Inspector<'_>,
    param: &Param,
    bytes: &[u8],
    tally: &Tally,
) -> Vec<Finding> {
    if planned.form == Form::Lengths || tally.count == 0 {
        return Vec::new();
    }
    if let Some(constant) =
        planned.drawn.adjust.constant(planned.laws.constant().unwrap_or(f64::NAN)).filter(|c| !c.is_nan())
    {
        return constant_elements(constant, param, bytes);
    }
    let limit = allowance(inspector.tests);
    let mut findings = Vec::new();
    for (label, shape, tally) in parts(planned, param, bytes, tally) {
        findings.extend(sample(&shape, &tally, limit, param, &label));
    }
    findings.extend(clipped(param, bytes, tally));
    findings
}

fn constant_elements(constant: f64, param: &Param, bytes: &[u8]) -> Vec<Finding> {
    let tolerance = constant.abs() * 2.0 * rounding(param.dtype) + smallest_normal(param.dtype) * 1e-3;
    let mut differ = 0u64;
    elements(bytes, param.dtype, &mut |x| differ += u64::from((x - constant).abs() > tolerance || x.is_nan()));
    if differ == 0 {
        return Vec::new();
    }
    let text = format!("The plan says that every element is {constant}; {differ} are not.");
    vec![Finding::new(Name::NotConstant, &param.name).value(differ as f64).text(text)]
}

/// The law of each part with the elements that it should have made; one entry if the parts have one law.
fn parts(planned: &Origin<'_>, param: &Param, bytes: &[u8], whole: &Tally) -> Vec<(String, Shape, Tally)> {
    let laws = &planned.laws.parts;
    let adjusted = !planned.drawn.adjust.is_identity();
    let variance = planned.drawn.std().map_or(f64::NAN, |std| std * std);
    let alike = laws.iter().all(|(_, law)| law.variance() == laws[0].1.variance() && law.mean() == laws[0].1.mean());
    if alike || adjusted || planned.form != Form::Equal {
        let shape = Shape::of(&laws[0].1);
        let loose = adjusted || laws.iter().any(|(_, law)| matches!(law, Law::Whole(_)));
        return vec![(String::new(), if loose { shape.loosened(variance) } else { shape }, *whole)];
    }
    let size = param.dtype.size().unwrap_or(1);
    let part = |(part, law): &(Part, Law)| {
        let shape = Shape::of(law);
        let mut tally = Tally::new(shape.mean);
        part.runs(0..(bytes.len() / size) as u64, &mut |stored, _, len| {
            let from = stored as usize * size;
            tally.add(&bytes[from..from + len as usize * size], param.dtype);
        });
        (part.label.clone(), shape, tally)
    };
    laws.iter().map(part).collect()
}

/// A sample against the law that should have made it.
fn sample(shape: &Shape, tally: &Tally, limit: f64, param: &Param, label: &str) -> Vec<Finding> {
    /// A structure's elements depend on each other; fewer of them say nothing.
    const FEWEST: u64 = 2;
    let mut findings = Vec::new();
    let of = if label.is_empty() { String::new() } else { format!("Its part {label}: ") };
    if tally.count < FEWEST || shape.variance.is_nan() {
        return findings;
    }
    if shape.variance == 0.0 {
        return findings;
    }
    let (spread, moved) = (shape.spread_error(tally, param.dtype), shape.mean_error(tally));
    let (std, expected) = (tally.about_pivot().0.sqrt(), shape.variance.sqrt());
    // How far chance takes the spread of as many elements.
    let width = (std / expected - 1.0).abs() * limit / spread.abs().max(limit);
    if spread.abs() > limit {
        let text = format!(
            "{of}std {std:.4e} where the plan gives {expected:.4e}: {:+.1} %, {:.0} standard deviations of what chance does.",
            100.0 * (std / expected - 1.0),
            spread.abs()
        );
        let healthy = Healthy::between((1.0 - width).max(0.0), 1.0 + width);
        findings.push(Finding::new(Name::WrongScale, &param.name).value(std / expected).healthy(healthy).text(text));
    } else if moved.abs() > limit {
        let text =
            format!("{of}mean {:.3e} where the plan gives {:.3e}, with std {expected:.3e}.", tally.mean(), shape.mean);
        let healthy = Healthy::between(-limit, limit);
        findings.push(Finding::new(Name::OffCentre, &param.name).value(moved).healthy(healthy).text(text));
    }
    if let Some([low, high]) = shape.bounds {
        // The ends are rounded to the type, as the elements are.
        let slack = 2.0 * rounding(param.dtype) * low.abs().max(high.abs());
        if tally.min < low - slack || tally.max > high + slack {
            let text = format!(
                "{of}elements from {:.4e} to {:.4e}, where the law ends at {low:.4e} and {high:.4e}.",
                tally.min, tally.max
            );
            let worst = if tally.max > high { tally.max } else { tally.min };
            findings.push(
                Finding::new(Name::OutOfBounds, &param.name)
                    .quantity("farthest element")
                    .value(worst)
                    .healthy(Healthy::between(low, high))
                    .text(text),
            );
        }
    }
    findings
}

/// Elements piled up at an end.
fn clipped(param: &Param, bytes: &[u8], tally: &Tally) -> Option<Finding> {
    /// Fewer elements have no piles.
    const FEWEST: u64 = 1000;
    if tally.count < FEWEST || tally.min == tally.max {
        return None;
    }
    // Rounding gathers elements too: as many as the last step of the type holds.
    let slack = 4.0 * rounding(param.dtype);
    let (mut low, mut high) = (0u64, 0u64);
    elements(bytes, param.dtype, &mut |x| {
        low += u64::from(x == tally.min && x != 0.0);
        high += u64::from(x == tally.max && x != 0.0);
    });
    let share = low.max(high) as f64 / tally.count as f64;
    let healthy = Healthy::below(0.005 + slack);
    if healthy.holds(share) {
        return None;
    }
    let text = format!(
        "{low} elements are exactly {:.4e} and {high} exactly {:.4e}: they were cut off there.",
        tally.min, tally.max
    );
    Some(Finding::new(Name::Clipped, &param.name).value(share).healthy(healthy).text(text))
}

/// Units that are alike beyond what the law declares, and rank.
fn structure(planned: Option<&Origin<'_>>, seed: u64, param: &Param, weighed: &Weighed) -> Vec<Finding> {
    let row = &weighed.row;
    let mut findings = Vec::new();
    let (Some(zero), Some(repeated)) = (row.zero_rows, row.repeated_rows) else { return findings };
    let odd = zero > 0 || repeated > 0 || row.effective_rank.is_some_and(|rank| !Name::LowRank.healthy().holds(rank));
    // A weight whose elements are all equal is a matter of symmetry, not of rows.
    if !odd || row.min == row.max {
        return findings;
    }
    let declared = planned.and_then(|planned| declared(planned, seed, param));
    let of = declared
        .as_ref()
        .map_or((0, 0, None), |d| (d.zero_rows.unwrap_or(0), d.repeated_rows.unwrap_or(0), d.effective_rank));
    let units = weighed.units.as_ref().map_or(0, |units| units.outputs.len());
    if zero > of.0 && param.role.value != Role::Embedding {
        let text = format!("{zero} of {units} units see nothing: all of their weights are zero.");
        findings.push(
            Finding::new(Name::ZeroRows, &param.name)
                .value(zero as f64)
                .healthy(Healthy::below(of.0 as f64))
                .text(text),
        );
    }
    if repeated > of.1 && is_long(param, units) {
        let text = format!("{repeated} of {units} units have exactly the weights of another one.");
        findings.push(
            Finding::new(Name::RepeatedRows, &param.name)
                .value(repeated as f64)
                .healthy(Healthy::below(of.1 as f64))
                .text(text),
        );
    }
    if let Some(rank) = row.effective_rank {
        let healthy = of.2.map_or(Name::LowRank.healthy(), |declared| Healthy::above((0.5 * declared).min(0.3)));
        if !healthy.holds(rank) {
            let text = format!("Its rows point into {:.0} % of the directions that they could span.", 100.0 * rank);
            findings.push(Finding::new(Name::LowRank, &param.name).value(rank).healthy(healthy).text(text));
        }
    }
    findings
}

/// Whether rows are so long that two of them are not equal by chance.
fn is_long(param: &Param, units: usize) -> bool {
    let length = param.count().unwrap_or(0) / units.max(1) as u64;
    let digits = if matches!(param.dtype, Dtype::F32 | Dtype::F64) { 20 } else { 2 };
    length * digits > 2 * u64::from(usize::BITS - units.leading_zeros()) + 30
}

/// What a fresh draw of the plan has in zero rows, twins and rank.
fn declared(planned: &Origin<'_>, seed: u64, param: &Param) -> Option<WeightRow> {
    let bytes = draw(planned, seed, param).filter(|_| planned.decision.dtype == param.dtype)?;
    let tally = Tally::of(&bytes, param.dtype, 0.0);
    Some(row(param, &bytes, &tally, None, units(param, &bytes).as_ref(), ranks(param, &bytes), None))
}

fn draw(planned: &Origin<'_>, seed: u64, param: &Param) -> Option<Vec<u8>> {
    let size = usize::try_from(param.count().ok()?).ok()?.checked_mul(planned.decision.dtype.size()?)?;
    let mut bytes = vec![0; size];
    Filler::of(planned, seed).ok()?.fill(&Region::All, &mut bytes).ok()?;
    Some(bytes)
}

/// Whether every bit is the plan's.
fn is_equal(planned: &Origin<'_>, seed: u64, param: &Param, bytes: &[u8]) -> bool {
    planned.decision.dtype == param.dtype && draw(planned, seed, param).is_some_and(|drawn| drawn == bytes)
}
