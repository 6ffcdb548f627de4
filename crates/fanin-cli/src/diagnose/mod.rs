//! Making a diagnosis: the model and its values (`subject`), its weights (`weights`), a batch (`batch`), its signals
//! (`measure`), what is predicted of them (`predict`), and how they move with the width (`widths`).

pub(crate) mod batch;
mod measure;
mod predict;
mod subject;
mod weights;
mod widths;

use crate::args::Diagnose;
use fanin::{Report, layer};
use subject::Subject;

/// Everything that is found.
pub(crate) fn report(options: &Diagnose, json: bool) -> anyhow::Result<Report> {
    // A letter stands for the width: the signals are those of the first one.
    let first = options.widths.first().map(|&width| widths::at_width(options, width)).transpose()?;
    let subject = Subject::open(first.as_ref().unwrap_or(options))?;
    let mut report = Report {
        model: subject.commands.model.clone(),
        values: subject.values.clone(),
        notes: subject.notes.clone(),
        ..Report::default()
    };
    let params = subject.model.params();
    let layers = subject.model.graph().map(|graph| layer::layers(graph, params)).unwrap_or_default();
    let constant = weights::inspect(&subject, &layers, &mut report, json)?;
    if subject.model.graph().is_some() && !options.weights_only {
        measure::signals(&subject, options, &layers, &constant, &mut report)?;
    } else if !options.weights_only {
        report.notes.push("this format holds no graph: only weights were looked at".to_owned());
    }
    if !options.widths.is_empty() {
        widths::check(options, &mut report)?;
    }
    Ok(report)
}
