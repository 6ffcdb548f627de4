//! Whether the numbers that a network is given are of a scale that it can work with.

use super::shown;
use crate::report::{Commands, Finding, InputRow, Name};

/// A finding for the input whose largest feature is farthest from 1, if it is beyond the healthy range.
///
/// # Example
/// ```
/// use fanin::judge::inputs;
/// use fanin::report::{Commands, InputRow};
/// let row = InputRow { name: "x".into(), features: 8, feature: 3, largest: 4e4 };
/// let commands = Commands { data: Some("houses.csv".into()), ..Commands::of("net.onnx") };
/// let finding = inputs(&[row], &commands).unwrap();
/// assert_eq!(finding.remedy, "fanin diagnose net.onnx --data 'houses.csv#standardize'");
/// ```
pub fn inputs(rows: &[InputRow], commands: &Commands) -> Option<Finding> {
    let healthy = Name::UnscaledInputs.healthy();
    let mut off: Vec<&InputRow> = rows.iter().filter(|row| row.largest > 0.0 && !healthy.holds(row.largest)).collect();
    let far = |row: &InputRow| row.largest.max(1.0 / row.largest);
    off.sort_by(|a, b| far(b).total_cmp(&far(a)));
    let worst = off.first()?;
    let at = if worst.features > 1 {
        format!("Of the {} features of {}, number {} is the largest", worst.features, worst.name, worst.feature + 1)
    } else {
        format!("{} has one feature", worst.name)
    };
    let text = format!(
        "{at}, with a root mean square of {}. Let the network see inputs of mean 0 and variance 1, now and later.",
        shown(worst.largest)
    );
    let all = off.iter().map(|row| row.name.clone()).collect();
    Some(
        Finding::new(Name::UnscaledInputs, worst.name.clone())
            .across(all)
            .value(worst.largest)
            .text(text)
            .remedy(commands.standardize()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, largest: f64) -> InputRow {
        InputRow { name: name.into(), features: 2, feature: 1, largest }
    }

    #[test]
    fn usual_scales_are_healthy() {
        for largest in [0.11, 1.0, 9.9, 0.0] {
            assert_eq!(inputs(&[row("x", largest)], &Commands::default()), None, "{largest}");
        }
    }

    #[test]
    fn the_input_that_is_farthest_off_is_named() {
        let rows = [row("a", 20.0), row("b", 1.0), row("c", 0.001)];
        let finding = inputs(&rows, &Commands::in_memory("Net", "fanin.torch")).unwrap();
        assert_eq!((finding.at.as_str(), finding.value), ("c", Some(0.001)));
        assert_eq!(finding.all, ["c", "a"]);
        assert!(finding.text.contains("2 features of c, number 2"), "{}", finding.text);
        assert_eq!(finding.remedy, "inputs = (inputs - inputs.mean(0)) / inputs.std(0)");
    }
}
