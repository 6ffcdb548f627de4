//! The full story of one parameter.

use super::{number, shape};
use fanin::{Action, Decision};
use std::fmt::Write as _;

/// Every reason of a decision, one a line.
pub(crate) fn story(decision: &Decision) -> String {
    let param = &decision.param;
    let mut text = format!("{}   {} {}", param.name, decision.dtype, shape(&param.shape));
    match (&decision.action, decision.std().filter(|std| *std > 0.0)) {
        (Action::Fill(call), Some(std)) => {
            let _ = write!(text, "   {call}   std {}", number(std));
        }
        (Action::Fill(call), None) => {
            let _ = write!(text, "   {call}");
        }
        (Action::Take(take), _) => {
            let names: Vec<&str> = take.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
            let _ = write!(text, "   taken from {}: {}", take.file, names.join(", "));
        }
        (Action::Keep, _) => text.push_str("   kept"),
        (Action::Tie(tied), _) => {
            let _ = write!(text, "   {} {}", tied.form, tied.to);
        }
    }
    text.push('\n');
    for reason in &decision.reasons {
        let value = reason.value.filter(|v| reason.about == "formula" && *v > 0.0);
        let value = value.map_or(String::new(), |v| format!("; here a variance of {}", number(v)));
        let _ = writeln!(text, "    {:8} {}{value}", reason.about, reason.text);
    }
    if let Action::Take(take) = &decision.action {
        for tensor in &take.tensors {
            let _ = writeln!(text, "    {:8} {} {} {}", "digest", tensor.digest, tensor.dtype, shape(&tensor.shape));
        }
        for step in &take.steps {
            let _ = writeln!(text, "    {:8} {step}", "step");
        }
    }
    if decision.key != param.name {
        let _ = writeln!(text, "    {:8} {}", "key", decision.key);
    }
    text
}
