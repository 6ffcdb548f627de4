//! The coordinate check of µP: how the output moves with the width of the network, before and after some steps.

use super::batch;
use super::subject::Subject;
use crate::args::Diagnose;
use crate::failure::Refused;
use fanin::graph::ValueId;
use fanin::report::{Commands, Finding, Name, WidthRow};
use fanin::{Param, Report, Role};
use fanin_engine::probe::{self, Probe};
use fanin_engine::train::Optimizer;
use fanin_engine::{Program, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The letter that stands for the width in a short architecture.
const WIDTH: char = 'W';

/// Builds the network at each width, trains it for some steps, and compares the scale of its output.
pub(super) fn check(options: &Diagnose, report: &mut Report) -> anyhow::Result<()> {
    let text = options.model.to_str().unwrap_or_default();
    for &width in &options.widths {
        report.widths.push(row(&at_width(options, width)?, width)?);
    }
    let slope = slope(&report.widths);
    if Name::WidthDependent.healthy().holds(slope) || slope.is_nan() {
        return Ok(());
    }
    let first = &report.widths[0];
    let words = format!(
        "After {} steps of Adam the output's scale goes like width^{slope:.2}: a learning rate that was tuned at one width does not fit another.",
        first.steps
    );
    // The widest one, as it would be from the narrowest by µP; its plan says by how much rates shrink.
    let widest = report.widths.last().map_or(first.width, |row| row.width);
    let commands = Commands::of(&replaced(text, widest)?);
    let remedy =
        format!("{} --with base_width={} --with width={widest} --plan plan.json", commands.recipe("mup"), first.width);
    report.add(vec![Finding::new(Name::WidthDependent, "output").value(slope).text(words).remedy(remedy)]);
    Ok(())
}

/// The options at one width: of the architecture, and of what is said of the recipe (`--with width=W`).
pub(super) fn at_width(options: &Diagnose, width: u64) -> anyhow::Result<Diagnose> {
    let text = replaced(options.model.to_str().unwrap_or_default(), width)?;
    let with = options.with.iter().map(|with| match with.split_once('=') {
        Some((name, "W")) => format!("{name}={width}"),
        _ => with.clone(),
    });
    Ok(Diagnose { model: PathBuf::from(text), with: with.collect(), ..options.clone() })
}

/// The architecture at one width.
fn replaced(text: &str, width: u64) -> anyhow::Result<String> {
    if !text.contains(WIDTH) {
        let wrong = format!(
            "--widths: `{text}` has no {WIDTH}; expected a short architecture in which the letter {WIDTH} stands for the \
             width, such as mlp:64-Wx3-10:relu. Put it where the width is."
        );
        return Err(Refused(wrong).into());
    }
    Ok(text.replace(WIDTH, &width.to_string()))
}

fn row(options: &Diagnose, width: u64) -> anyhow::Result<WidthRow> {
    let text = options.model.display();
    let subject = Subject::open(options)?;
    let graph = subject.model.graph().ok_or_else(|| Refused(format!("--widths: `{text}` has no graph")))?;
    let program = Program::compile(graph.clone())?;
    let constants = fanin_network::constants(subject.model.as_ref(), &program)?;
    let chosen = batch::choose(&subject, options, &program, &constants)?;
    let probe = Probe::new(&program, constants, chosen.inputs.clone());
    let none = || Refused(format!("--widths: nothing tells what `{text}` is to learn. Give it data: --data"));
    let (output, ending) = probe::head(graph).ok_or_else(none)?;
    let mut logits: Option<Tensor> = None;
    probe.forward(&BTreeSet::from([output]), &mut |_, tensor| logits = Some(tensor.clone()))?;
    let logits = logits.ok_or_else(none)?;
    let (targets, _) = chosen.targets(graph, &logits, ending, subject.plan.seed).ok_or_else(none)?;
    // With the factors of the learning rate that the recipe asks for.
    let rate = |param: &Param| subject.plan.get(&param.name).and_then(|decision| decision.lr).unwrap_or(1.0);
    let drawn = |p: &&Param| p.dtype.is_float() && !matches!(p.role.value, Role::Statistic | Role::Fixed);
    let params = subject.model.params().iter().filter(drawn);
    let trained: BTreeMap<ValueId, f64> =
        params.filter_map(|param| Some((ValueId(param.place.value?), rate(param)))).collect();
    let trained: Vec<(ValueId, f64)> = trained.into_iter().collect();
    let adam = (Optimizer::adam(), options.rate);
    let output = probe::outputs_over_steps(&probe, output, &targets, &trained, options.steps, adam)?;
    Ok(WidthRow { width, steps: options.steps, output })
}

/// Slope of ln |output| after the last step over ln width, by least squares.
fn slope(rows: &[WidthRow]) -> f64 {
    let points: Vec<(f64, f64)> =
        rows.iter().filter_map(|row| Some(((row.width as f64).ln(), row.output.last()?.ln()))).collect();
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (top, bottom) = points
        .iter()
        .fold((0.0, 0.0), |(top, bottom), p| (top + (p.0 - x) * (p.1 - y), bottom + (p.0 - x) * (p.0 - x)));
    if bottom > 0.0 { top / bottom } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_powers() {
        let row = |width: u64, output: f64| WidthRow { width, steps: 1, output: vec![1.0, output] };
        let rows: Vec<WidthRow> = [64u64, 256, 1024].into_iter().map(|w| row(w, 3.0 * (w as f64).sqrt())).collect();
        assert!((slope(&rows) - 0.5).abs() < 1e-12);
        assert!(slope(&rows[..1]).is_nan());
    }

    #[test]
    fn the_letter_stands_for_the_width() {
        assert_eq!(replaced("mlp:64-Wx3-10:relu", 128).unwrap(), "mlp:64-128x3-10:relu");
        assert!(replaced("mlp:64-10", 128).unwrap_err().to_string().contains("the letter W"));
    }
}
