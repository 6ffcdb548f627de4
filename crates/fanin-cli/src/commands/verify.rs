//! `fanin verify`: proves which plan a file came from, by making the values again.

use crate::args::Verify;
use crate::commands::{from, stored};
use crate::failure::Outcome;
use fanin::generate::Filler;
use fanin::plan::Origins;
use fanin::{Action, Decision};
use fanin_model::{Model, Sources};
use rayon::prelude::*;
use serde::Serialize;
use std::borrow::Cow;
use std::io::Write as _;
use std::ops::Range;

/// A parameter whose values are not those of the plan.
#[derive(Serialize)]
struct Finding {
    name: String,
    problem: String,
}

pub(crate) fn run(options: &Verify, json: bool) -> anyhow::Result<Outcome> {
    let plan = stored(&options.plan)?;
    let model = fanin_model::open(&options.model)?;
    let sources = from::reopened(&plan, options.from.as_deref())?;
    let (mut findings, origins) = (Vec::new(), plan.origins());
    let (mut equal, mut kept) = (0, 0);
    for decision in &plan.decisions {
        match check(model.as_ref(), &sources, &origins, decision, plan.seed)? {
            Verdict::Kept => kept += 1,
            Verdict::Equal => equal += 1,
            Verdict::Different(problem) => findings.push(Finding { name: decision.param.name.clone(), problem }),
        }
    }
    // What was taken again counts only if it was of the files that the plan means.
    sources.prove(&mut plan.clone())?;
    let mut out = std::io::stdout().lock();
    let path = options.model.display();
    if json {
        let said = serde_json::json!({ "plan": plan.id(), "equal": equal, "kept": kept, "findings": findings });
        writeln!(out, "{said}")?;
    } else if findings.is_empty() {
        writeln!(
            out,
            "{path}: all {equal} {} are those of plan {} ({kept} kept tensors not judged)",
            if plan.takes().next().is_some() { "parameters, drawn or taken," } else { "drawn parameters" },
            plan.id()
        )?;
    } else {
        for finding in &findings {
            writeln!(out, "{}: {}", finding.name, finding.problem)?;
        }
        writeln!(out, "{path}: {} parameters are not those of plan {}, {equal} are", findings.len(), plan.id())?;
    }
    Ok(if findings.is_empty() { Outcome::Fine } else { Outcome::Findings })
}

/// What makes a parameter's values again.
enum Made<'a> {
    Drawn(Filler<'a>),
    /// With the elements that are best made at once.
    Taken(Box<dyn fanin_model::Values + 'a>, u64),
}

/// What comparing one parameter with its decision gave.
enum Verdict {
    /// Nothing was drawn, so there is nothing to compare.
    Kept,
    Equal,
    /// What is different, in words.
    Different(String),
}

fn check<'a>(
    model: &dyn Model,
    sources: &Sources,
    origins: &Origins<'a>,
    decision: &'a Decision,
    seed: u64,
) -> anyhow::Result<Verdict> {
    let origin = origins.of(decision)?;
    let made = match (&decision.action, &origin) {
        (Action::Take(take), _) => {
            Made::Taken(sources.values(decision, take, seed)?, if take.is_copy() { ALONE } else { SCATTERED })
        }
        (_, Some(origin)) => Made::Drawn(Filler::of(origin, seed)?),
        (_, None) => return Ok(Verdict::Kept),
    };
    let name = &decision.param.name;
    let params = model.params();
    // A tensor that is used once again, after its other users got their own, has its plain name back.
    let plain = name.rsplit_once('@').map_or(name.as_str(), |(plain, _)| plain);
    let index = params.iter().position(|p| p.name == *name).or_else(|| params.iter().position(|p| p.name == plain));
    let Some(index) = index else { return Ok(Verdict::Different("is not in the file".to_owned())) };
    let param = &params[index];
    if param.shape != decision.param.shape || param.dtype != decision.dtype {
        let (shape, dtype) = (&decision.param.shape, decision.dtype);
        return Ok(Verdict::Different(format!(
            "is {} {:?} in the file, {dtype} {shape:?} in the plan",
            param.dtype, param.shape
        )));
    }
    let file = Stored::new(model, index)?;
    let Some(file) = file else { return Ok(Verdict::Different("its data is missing".to_owned())) };
    let first = match &made {
        Made::Drawn(filler) => drawn_differently(&file, filler)?,
        Made::Taken(values, step) => taken_differently(&file, values.as_ref(), *step)?,
    };
    Ok(first.map_or(Verdict::Equal, |at| Verdict::Different(format!("differs from element {at} on"))))
}

/// A tensor of the file, read in pieces where the file can give them.
struct Stored<'a> {
    model: &'a dyn Model,
    index: usize,
    whole: Option<Cow<'a, [u8]>>,
    count: u64,
    size: usize,
}

impl<'a> Stored<'a> {
    fn new(model: &'a dyn Model, index: usize) -> anyhow::Result<Option<Stored<'a>>> {
        let param = &model.params()[index];
        let (count, size) = (param.count()?, param.dtype.size().unwrap_or(1));
        let streams = model.read(index, 0, &mut [])?;
        let whole = if streams { None } else { model.bytes(index)? };
        let there = whole.as_ref().map_or(streams, |bytes| bytes.len() as u64 == count * size as u64);
        Ok(there.then_some(Stored { model, index, whole, count, size }))
    }

    /// Whether the elements from `start` on are these; otherwise the first that is another.
    fn first_other(&self, start: u64, again: &[u8], buffer: &mut Vec<u8>) -> anyhow::Result<Option<u64>> {
        let at = start * self.size as u64;
        let held = if let Some(bytes) = &self.whole {
            &bytes[at as usize..][..again.len()]
        } else {
            buffer.resize(again.len(), 0);
            anyhow::ensure!(self.model.read(self.index, at, buffer)?, "a tensor ends early");
            &buffer[..]
        };
        let place = |(a, b): (&[u8], &[u8])| a != b;
        let other = held.chunks(self.size).zip(again.chunks(self.size)).position(place);
        Ok(if held == again { None } else { other.map(|at| start + at as u64) })
    }

    /// Ranges of at most `step` elements.
    fn steps(&self, step: u64) -> impl ParallelIterator<Item = Range<u64>> {
        let count = self.count;
        (0..count.div_ceil(step)).into_par_iter().map(move |i| i * step..count.min((i + 1) * step))
    }
}

/// Elements that are made again at once: sixteen million where all threads make them together, and as many as a block of a
/// file has where each thread reads its own. A larger part of a transposed matrix is read in longer pieces.
const TOGETHER: u64 = 1 << 24;
const ALONE: u64 = 1 << 18;
const SCATTERED: u64 = 1 << 22;

fn drawn_differently(file: &Stored, filler: &Filler) -> anyhow::Result<Option<u64>> {
    let (mut again, mut buffer) = (Vec::new(), Vec::new());
    for start in (0..file.count).step_by(TOGETHER as usize) {
        let end = file.count.min(start + TOGETHER);
        again.resize((end - start) as usize * file.size, 0);
        filler.fill(&fanin::Region::Flat(start..end), &mut again)?;
        if let Some(at) = file.first_other(start, &again, &mut buffer)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn taken_differently(file: &Stored, values: &dyn fanin_model::Values, step: u64) -> anyhow::Result<Option<u64>> {
    let buffers = || (Vec::new(), Vec::new());
    let one = |(again, buffer): &mut (Vec<u8>, Vec<u8>), range: Range<u64>| {
        again.resize((range.end - range.start) as usize * file.size, 0);
        values.fill(range.start, again)?;
        file.first_other(range.start, again, buffer)
    };
    let found: Vec<Option<u64>> = file.steps(step).map_init(buffers, one).collect::<anyhow::Result<_>>()?;
    Ok(found.into_iter().flatten().min())
}
