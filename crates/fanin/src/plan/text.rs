//! A decision as JSON: flat, with the names that scripts rely on, and enough to be applied without the graph.

use super::{Action, Adjust, Decision, Origins, Plan, Reason, streams};
use crate::axes::{Axes, Count, Fan};
use crate::call::Call;
use crate::dtype::Dtype;
use crate::error::{Error, Refusal};
use crate::fit::Take;
use crate::known::{Evidence, Known};
use crate::param::{Param, Place};
use crate::role::Role;
use crate::stream::Stream;
use crate::tied::{Form, Tied};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    shape: Vec<u64>,
    dtype: Dtype,
    /// Element type in the file, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<Dtype>,
    role: Role,
    action: String,
    #[serde(default)]
    call: Option<Call>,
    /// What the values follow from, for the action `tie`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tied: Option<Tied>,
    /// Where the values come from, for the action `take`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    take: Option<Take>,
    #[serde(default)]
    std: Option<f64>,
    #[serde(default)]
    variance: Option<f64>,
    #[serde(default, skip_serializing_if = "Adjust::is_identity")]
    adjust: Adjust,
    #[serde(default)]
    fan_in: Option<f64>,
    #[serde(default)]
    fan_out: Option<f64>,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lr: Option<f64>,
    #[serde(default)]
    reasons: Vec<Reason>,
    evidence: Evidence,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    axes: Option<Known<Axes>>,
    #[serde(default)]
    place: Place,
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let param = &self.param;
        let part = param.parts().into_iter().next();
        let fan = |fan| part.as_ref().and_then(|part| part.param.fan(fan, Count::True).ok());
        Line {
            name: param.name.clone(),
            shape: param.shape.clone(),
            dtype: self.dtype,
            stored: (self.dtype != param.dtype).then_some(param.dtype),
            role: param.role.value,
            action: match &self.action {
                Action::Fill(_) => "fill",
                Action::Keep => "keep",
                Action::Tie(_) => "tie",
                Action::Take(_) => "take",
            }
            .to_owned(),
            call: if let Action::Fill(call) = &self.action { Some(call.clone()) } else { None },
            tied: if let Action::Tie(tied) = &self.action { Some(tied.clone()) } else { None },
            take: if let Action::Take(take) = &self.action { Some(take.clone()) } else { None },
            std: self.std(),
            variance: self.variance,
            adjust: self.adjust.clone(),
            fan_in: fan(Fan::In),
            fan_out: fan(Fan::Out),
            key: self.key.clone(),
            lr: self.lr,
            reasons: self.reasons.clone(),
            evidence: param.role.from.clone(),
            axes: param.axes.clone(),
            place: param.place.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Decision, D::Error> {
        use serde::de::Error;
        let line = Line::deserialize(deserializer)?;
        let wrong = |what: String| Err(D::Error::custom(format!("`{}`: {what}", line.name)));
        let action = match (line.action.as_str(), line.call, line.tied, line.take) {
            ("keep", ..) => Action::Keep,
            ("fill", Some(call), ..) => Action::Fill(call),
            ("fill", ..) => return wrong("action fill without a call".to_owned()),
            ("tie", _, Some(tied), _) => Action::Tie(tied),
            ("tie", ..) => return wrong("action tie without `tied`".to_owned()),
            ("take", .., Some(take)) => Action::Take(take),
            ("take", ..) => return wrong("action take without `take`".to_owned()),
            (other, ..) => return wrong(format!("action `{other}`, expected fill, take, tie or keep")),
        };
        Ok(Decision {
            param: Param {
                name: line.name,
                shape: line.shape,
                dtype: line.stored.unwrap_or(line.dtype),
                role: Known { value: line.role, from: line.evidence },
                axes: line.axes,
                place: line.place,
            },
            dtype: line.dtype,
            action,
            key: line.key,
            variance: line.variance,
            adjust: line.adjust,
            lr: line.lr,
            reasons: line.reasons,
        })
    }
}

impl Decision {
    /// What decides the values, in words that differ if the values do.
    fn values<'a>(&'a self, origins: &Origins<'a>) -> String {
        if let Action::Take(take) = &self.action {
            let digests: Vec<_> = take.tensors.iter().map(|tensor| (&tensor.digest, &tensor.shape)).collect();
            let drawn = [&take.rest, &take.noise].map(|call| call.as_ref().map(ToString::to_string));
            return format!("take {digests:?} {:?} {drawn:?} {:?}", take.steps, self.key);
        }
        match origins.of(self) {
            Ok(None) => "keep".to_owned(),
            Ok(Some(origin)) => {
                let drawn = origin.drawn;
                let parts: Vec<_> =
                    origin.laws.parts.iter().map(|(part, law)| (&part.label, &part.steps, law)).collect();
                let adjust = if drawn.adjust.is_identity() { String::new() } else { format!(" {:?}", drawn.adjust) };
                match origin.form {
                    Form::Equal => format!("{:?} {parts:?}{adjust}", drawn.key),
                    form => format!("{form:?} of {:?} {} {parts:?}{adjust}", drawn.key, drawn.dtype),
                }
            }
            // Such a plan is refused when it is applied.
            Err(refusal) => refusal.to_string(),
        }
    }
}

impl Plan {
    /// A plan from its JSON.
    ///
    /// # Errors
    /// If the text is no plan, or was made for another version of the random stream.
    pub fn from_json(what: &str, text: &str) -> Result<Plan, Error> {
        let wrong = |problem: String| Error::Text { what: format!("plan {what}"), problem };
        let plan: Plan = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        if plan.stream != Stream::VERSION {
            return Err(wrong(format!(
                "made for the random stream `{}`, this version has `{}`; its values would differ. Make the plan again.",
                plan.stream,
                Stream::VERSION
            )));
        }
        let mut problems = streams::shared(&plan.decisions);
        problems.extend(plan.check_ties());
        for decision in &plan.decisions {
            problems.extend(untaken(decision));
            let fits = decision.adjust.fits(&decision.param.shape);
            problems.extend(fits.err().map(|refusal| refusal.of(&decision.param.name, "adjust")));
        }
        if problems.is_empty() { Ok(plan) } else { Err(crate::error::Error::Plan(problems)) }
    }

    /// The plan's id: the first 16 hexadecimal digits of the SHA-256 of what decides the values: stream, seed, and for each
    /// parameter its name, key, element type, shape and the laws of its parts.
    ///
    /// Two plans with the same id make the same file. How a law was asked for, reasons and warnings do not enter.
    pub fn id(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        hash.update(format!("{}\n{}\n", self.stream, self.seed));
        let origins = self.origins();
        for decision in &self.decisions {
            let (name, shape) = (&decision.param.name, &decision.param.shape);
            hash.update(format!("{name:?} {} {shape:?} {}\n", decision.dtype, decision.values(&origins)));
        }
        let first = hash.finalize().iter().take(8).fold(0, |id: u64, &byte| id << 8 | u64::from(byte));
        format!("{first:016x}")
    }

    /// The plan as JSON, one decision a block, ready to be stored and diffed.
    pub fn to_json(&self) -> String {
        // A plan is made of text, finite numbers and lists: nothing that JSON cannot hold.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// What is wrong with a take of a plan that was read.
fn untaken(decision: &Decision) -> Option<Refusal> {
    let Action::Take(take) = &decision.action else { return None };
    if let Some(tensor) = take.tensors.iter().find(|tensor| tensor.digest.is_empty()) {
        let wrong = format!("`{}` of {} has no digest", tensor.name, take.file);
        let refusal = Refusal::new(wrong, "the fingerprint that proves it", "Make the plan again.");
        return Some(refusal.of(&decision.param.name, "take"));
    }
    let refusal = match take.shape() {
        Ok(shape) if shape == decision.param.shape && decision.adjust.is_identity() => return None,
        Ok(_) if !decision.adjust.is_identity() => {
            Refusal::new("it is taken and has an adjustment", "none", "Leave it out of the calibration.")
        }
        Ok(shape) => {
            let wrong = format!("the steps give {shape:?} for a parameter of {:?}", decision.param.shape);
            Refusal::new(wrong, "its shape", "Make the plan again, or mend its `take`.")
        }
        Err(refusal) => refusal,
    };
    Some(refusal.of(&decision.param.name, "take"))
}
