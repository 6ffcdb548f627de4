//! Which rule decides a parameter, or each of the parts that are fused in it, and the call that comes of it.

use super::Reason;
use super::decide::Planner;
use crate::call::{Call, number};
use crate::error::Refusal;
use crate::param::Param;
use crate::recipe::{Numbers, Rule, Use};
use serde_json::{Map, Value};

impl Planner<'_> {
    /// The rules that decide: one for the parameter, or one for each kind of part where they differ.
    pub(super) fn pick(&self, param: &Param) -> Vec<(String, usize)> {
        self.by_part(param)
            .unwrap_or_else(|| self.find(param).map(|index| (String::new(), index)).into_iter().collect())
    }

    /// The rules of its parts, where it has parts that do different things and rules tell them apart.
    fn by_part(&self, param: &Param) -> Option<Vec<(String, usize)>> {
        if param.sites().len() < 2 {
            return None;
        }
        let mut picked: Vec<(String, usize)> = Vec::new();
        for part in param.parts() {
            let label = part.label.rsplit('.').next().unwrap_or_default();
            if !label.is_empty() && picked.iter().all(|(known, _)| known != label) {
                picked.push((label.to_owned(), self.find(&part.param)?));
            }
        }
        let first = picked.first()?.1;
        picked.iter().any(|(_, index)| *index != first).then_some(picked)
    }

    /// The call and the factor of the learning rate that the rules give; no call where they keep what there is.
    pub(super) fn made(
        &self,
        param: &Param,
        picked: &[(String, usize)],
        reasons: &mut Vec<Reason>,
    ) -> Result<(Option<Call>, Option<f64>), Refusal> {
        let parts = param.parts();
        let mut made: Vec<(Option<Call>, Option<f64>)> = Vec::new();
        for (label, index) in picked {
            let own = |part: &&crate::param::Part| label.is_empty() || part.label.rsplit('.').next() == Some(label);
            let part = parts.iter().find(own).map_or(param, |part| &part.param);
            made.push(self.of_rule(self.rule(*index), part, reasons)?);
        }
        let lr = made.first().and_then(|(_, lr)| *lr);
        if made.iter().any(|(_, other)| *other != lr) {
            return Err(apart("learning rates"));
        }
        match &mut made[..] {
            [(call, _)] => Ok((call.take(), lr)),
            several if several.iter().all(|(call, _)| call.is_none()) => Ok((None, lr)),
            several => {
                let mut args = Map::new();
                for ((label, _), (call, _)) in picked.iter().zip(several.iter()) {
                    let call = call.as_ref().ok_or_else(|| apart("actions"))?;
                    args.insert(label.clone(), Value::from(call.to_string()));
                }
                Ok((Some(Call { args, ..Call::plain("parts") }), lr))
            }
        }
    }

    fn of_rule(
        &self,
        rule: &Rule,
        param: &Param,
        reasons: &mut Vec<Reason>,
    ) -> Result<(Option<Call>, Option<f64>), Refusal> {
        let mut numbers = Numbers::new(self.recipe, &self.facts, param);
        let call = match &rule.does {
            Use::Keep => None,
            Use::Call(template) => Some(template.fill(&mut |name| numbers.get(name))?),
        };
        if !numbers.asked.is_empty() {
            reasons.push(Reason::new("with", format!("{}: {}", rule.does.text(), numbers.line())));
        }
        let Some(formula) = &rule.lr else { return Ok((call, None)) };
        let mut numbers = Numbers::new(self.recipe, &self.facts, param);
        let lr = formula.value(&mut |name| number(name, numbers.get(name)))?;
        if lr <= 0.0 {
            let wrong = format!("the factor of the learning rate, {formula}, is {lr}");
            return Err(Refusal::new(wrong, "a positive number", "Mend the recipe's `lr`."));
        }
        reasons.push(Reason::new("lr", format!("learning rate × {formula}: {}", numbers.line())).with(lr));
        Ok((call, Some(lr)))
    }
}

fn apart(what: &str) -> Refusal {
    Refusal::new(
        format!("its fused parts would get different {what}"),
        "the same for all parts of one tensor",
        "Give one rule for all its parts, such as `site = \"query|key|value\"`.",
    )
}
