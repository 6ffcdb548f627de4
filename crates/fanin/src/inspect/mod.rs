//! Looks at the numbers of a model's parameters, and says what is wrong with them: by themselves, by what their role asks
//! for, or by a plan. Nothing is run.
//!
//! A number is held against its law with bounds from the number of elements: chance alone blames a healthy model once in
//! two million times, and a large tensor whose spread is five percent off is seen.

mod expect;
mod symmetry;
mod tally;
mod units;
mod weight;

pub use expect::allowance;

use crate::graph::Graph;
use crate::layer::Layer;
use crate::param::Param;
use crate::plan::{Action, Origin, Origins, Plan};
use crate::report::{Commands, Finding, Name, WeightRow};
use crate::role::Role;
use std::collections::BTreeMap;
use units::Units;

/// Looks at parameters, one at a time, in any order and on any thread.
#[derive(Debug)]
pub struct Inspector<'a> {
    plan: &'a Plan,
    origins: Origins<'a>,
    /// Whether the values should be the plan's; otherwise it only says what would be usual.
    strict: bool,
    /// How many numbers are judged together.
    tests: usize,
}

/// What was seen of one parameter.
#[derive(Debug)]
pub struct Weighed {
    row: WeightRow,
    findings: Vec<Finding>,
    units: Option<Units>,
    /// A fingerprint of all elements.
    print: u64,
    /// The call that would draw it.
    call: Option<String>,
}

impl Weighed {
    /// The numbers.
    pub fn row(&self) -> &WeightRow {
        &self.row
    }

    /// What is wrong with it alone.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether all elements are one number: nothing that a signal's scale could be judged by.
    pub fn is_constant(&self) -> bool {
        self.row.non_finite == 0 && self.row.min == self.row.max
    }
}

impl<'a> Inspector<'a> {
    /// Holds parameters against `plan`: strictly if they are said to come from it, loosely if it is only what would be
    /// usual.
    pub fn new(plan: &'a Plan, strict: bool) -> Inspector<'a> {
        let drawn = plan.decisions.iter().filter(|d| matches!(d.action, Action::Fill(_))).count();
        // Mean, spread and ends of each.
        Inspector { plan, origins: plan.origins(), strict, tests: 3 * drawn }
    }

    /// Looks at one parameter, whose elements are `bytes`.
    pub fn weigh(&self, param: &Param, bytes: &[u8]) -> Weighed {
        weight::weigh(self, param, bytes)
    }

    fn seed(&self) -> u64 {
        self.plan.seed
    }

    /// Where the plan says that a parameter's values come from; `None` if they are kept, or the plan does not know it.
    fn planned(&self, param: &Param) -> Option<Origin<'_>> {
        // A tensor that is used once again, after its other users got their own, has its plain name back.
        let plain = |name: &str| name.split('@').next().unwrap_or_default() == param.name;
        let decision =
            self.plan.get(&param.name).or_else(|| self.plan.decisions.iter().find(|d| plain(&d.param.name)))?;
        let origin = self.origins.of(decision).ok().flatten()?;
        (decision.param.shape == param.shape && !origin.laws.parts.is_empty()).then_some(origin)
    }

    /// Puts everything together: rows in the order given, findings of one kind as one, and what only shows between
    /// parameters: twins of units, and of whole tensors.
    pub fn conclude(
        &self,
        weighed: Vec<(usize, Weighed)>,
        params: &[Param],
        graph: Option<(&Graph, &[Layer])>,
        commands: &Commands,
    ) -> (Vec<WeightRow>, Vec<Finding>) {
        let mut singles: Vec<Finding> = Vec::new();
        for (_, one) in &weighed {
            singles.extend(one.findings.iter().cloned());
        }
        singles.extend(identical(&weighed, params));
        let mut findings = grouped(singles);
        let calls: BTreeMap<&str, &str> =
            weighed.iter().filter_map(|(_, w)| Some((w.row.name.as_str(), w.call.as_deref()?))).collect();
        for finding in &mut findings {
            let all = finding.all.iter();
            let redrawn: Vec<(&str, &str)> =
                all.filter_map(|name| Some((name.as_str(), *calls.get(name.as_str())?))).collect();
            finding.remedy = match finding.name {
                Name::Subnormal => "keep it in f32, or bf16, whose range is as wide".to_owned(),
                _ => commands.redraw(&redrawn),
            };
        }
        if let Some((graph, layers)) = graph {
            let found = symmetry::twins(&weighed, params, graph, layers);
            findings.extend(found.map(|finding| finding.remedy(commands.recipe("auto"))));
        }
        (weighed.into_iter().map(|(_, one)| one.row).collect(), findings)
    }
}

/// Findings of one name at several parameters as one, told by the first of them.
fn grouped(singles: Vec<Finding>) -> Vec<Finding> {
    let mut by_name: BTreeMap<Name, Vec<Finding>> = BTreeMap::new();
    for finding in singles {
        by_name.entry(finding.name).or_default().push(finding);
    }
    let join = |list: Vec<Finding>| {
        let mut all: Vec<String> = Vec::new();
        for name in list.iter().flat_map(|finding| &finding.all) {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        let mut first = list.into_iter().next()?;
        if all.len() > first.all.len() {
            first.text = format!("{} ({} parameters are like this.)", first.text, all.len());
        }
        Some(first.across(all))
    };
    by_name.into_values().filter_map(join).collect()
}

/// Parameters with the same random numbers, that nothing ties.
fn identical(weighed: &[(usize, Weighed)], params: &[Param]) -> Vec<Finding> {
    let mut seen: BTreeMap<(u64, &[u64]), Vec<usize>> = BTreeMap::new();
    for (index, one) in weighed {
        let param = &params[*index];
        let random = matches!(param.role.value, Role::Weight | Role::Recurrent | Role::Embedding | Role::Position);
        if random && !one.is_constant() && param.place.tied.is_none() && param.count().is_ok_and(|n| n >= 16) {
            seen.entry((one.print, &param.shape)).or_default().push(*index);
        }
    }
    // Values that are the same for every seed are no accident where two tensors have one shape.
    let fixed = |index: usize| {
        let one = weighed.iter().find(|(at, _)| *at == index);
        one.is_some_and(|(_, w)| w.row.equal == Some(true))
    };
    seen.into_values()
        .filter(|list| list.len() > 1 && !list.iter().all(|&index| fixed(index)))
        .map(|list| {
            let all: Vec<String> = list.iter().map(|&index| params[index].name.clone()).collect();
            let text = format!("{} hold the same numbers: were they drawn with one seed each?", all.join(", "));
            Finding::new(Name::Identical, "").value(all.len() as f64).text(text).across(all)
        })
        .collect()
}
