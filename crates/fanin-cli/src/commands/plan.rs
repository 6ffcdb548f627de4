//! `fanin plan`: what would be done, and why.

use crate::args::Plan;
use crate::calibrate;
use crate::commands::{planned, store, warn};
use crate::failure::{Outcome, Refused};
use crate::print::{table, why, wrap};
use std::io::Write as _;

pub(crate) fn run(options: &Plan, json: bool) -> anyhow::Result<Outcome> {
    let (model, mut plan, sources) = planned(&options.planning, &options.calibrating.calibrate)?;
    plan = calibrate::asked(model.as_ref(), plan, &options.planning, &options.calibrating, json)?;
    warn(&plan);
    // The table shows no digests, and a large source takes its time.
    if options.out.is_some() || json {
        sources.prove(&mut plan)?;
    }
    if let Some(path) = &options.out {
        store(&plan, path)?;
    }
    let mut out = std::io::stdout().lock();
    if let Some(name) = &options.why {
        let chosen: Vec<_> = plan.decisions.iter().filter(|d| matches(name, &d.param.name)).collect();
        if chosen.is_empty() {
            return Err(unknown(&plan, name).into());
        }
        if json {
            writeln!(out, "{}", serde_json::to_string_pretty(&chosen)?)?;
        } else {
            for decision in chosen {
                out.write_all(wrap::for_terminal(&why::story(decision)).as_bytes())?;
            }
        }
    } else if json {
        out.write_all(plan.to_json().as_bytes())?;
    } else {
        let path = options.planning.model.display().to_string();
        out.write_all(table::plan(&plan, &path, options.full).as_bytes())?;
    }
    Ok(Outcome::Fine)
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern == name || fanin::recipe::glob(pattern, name)
}

fn unknown(plan: &fanin::Plan, name: &str) -> Refused {
    let near = fanin::recipe::nearest(name, plan.decisions.iter().map(|d| d.param.name.as_str()));
    let near = near.map_or(String::new(), |near| format!(" Did you mean `{near}`?"));
    Refused(format!("--why: no parameter is called `{name}`; expected a name from `fanin plan --full`.{near}"))
}
