//! `fanin verify`: proves which plan a file came from, by making the values again.

use crate::args::Verify;
use crate::commands::{from, stored};
use crate::failure::Outcome;
use fanin::generate::Filler;
use fanin::plan::Origins;
use fanin::{Action, Decision};
use fanin_model::{Model, Sources};
use serde::Serialize;
use std::io::Write as _;

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
    let mut out = std::io::stdout().lock();
    let path = options.model.display();
    if json {
        let said = serde_json::json!({ "plan": plan.id(), "equal": equal, "kept": kept, "findings": findings });
        writeln!(out, "{said}")?;
    } else if findings.is_empty() {
        writeln!(
            out,
            "{path}: all {equal} drawn parameters are those of plan {} ({kept} kept tensors not judged)",
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
    Taken(Box<dyn fanin_model::Values + 'a>),
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
        (Action::Take(take), _) => Made::Taken(sources.values(decision, take, seed)?),
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
    let Some(bytes) = model.bytes(index)? else { return Ok(Verdict::Different("its data is missing".to_owned())) };
    let size = decision.dtype.size().unwrap_or(1);
    // Sixteen million elements at a time keep the memory small and all threads busy.
    let step = size << 24;
    let mut again = vec![0; step.min(bytes.len())];
    for (i, held) in bytes.chunks(step).enumerate() {
        let start = (i * step / size) as u64;
        let region = fanin::Region::Flat(start..start + (held.len() / size) as u64);
        match &made {
            Made::Drawn(filler) => filler.fill(&region, &mut again[..held.len()])?,
            Made::Taken(values) => values.fill(start, &mut again[..held.len()])?,
        }
        if let Some(at) = held.iter().zip(&again).position(|(a, b)| a != b) {
            return Ok(Verdict::Different(format!("differs from element {} on", start + (at / size) as u64)));
        }
    }
    Ok(Verdict::Equal)
}
