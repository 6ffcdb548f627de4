//! What people see: tables, stories and pages.

pub(crate) mod activation;
pub(crate) mod calibration;
pub(crate) mod comparison;
pub(crate) mod html;
pub(crate) mod markdown;
pub(crate) mod page;
pub(crate) mod recipe;
pub(crate) mod report;
pub(crate) mod spark;
pub(crate) mod table;
pub(crate) mod why;
pub(crate) mod wrap;

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use std::io::IsTerminal as _;

/// A table without frames, with bold headers where there is a terminal to show them.
pub(crate) fn sheet(headers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        // A pipe gets whole lines: whoever reads them cuts for himself.
        table.set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    }
    table.set_header(headers.iter().map(|header| Cell::new(header).add_attribute(Attribute::Bold)));
    table
}

/// Columns of the terminal that standard output is, if it is one.
pub(crate) fn terminal_width() -> Option<u16> {
    Table::new().width()
}

/// A number with four significant digits, as a person would write it.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e5).contains(&size) {
        let digits = (3 - size.log10().floor() as i32).max(0) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{value:.3e}")
    }
}

/// A shape as people write it: `64×3×7×7`.
pub(crate) fn shape(shape: &[u64]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        for (value, text) in [
            (0.025_253_8, "0.02525"),
            (1.0, "1"),
            (0.0, "0"),
            (123_456.0, "1.235e5"),
            (-0.5, "-0.5"),
            (2e-5, "2.000e-5"),
            (512.0, "512"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
