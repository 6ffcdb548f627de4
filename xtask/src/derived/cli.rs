//! `docs/cli.md`: the help of every subcommand.

use std::fmt::Write as _;

/// Columns of the help text.
const WIDTH: usize = 100;

pub(super) fn page() -> String {
    let mut command = fanin_cli::command().term_width(WIDTH);
    command.build();
    let mut text = super::head("crates/fanin-cli/src/args.rs");
    text.push_str("# The command line\n\nWhat `--json` prints is described in [json.md](json.md).\n");
    section(&mut text, &mut command, "fanin");
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names.iter().filter(|name| *name != "help") {
        if let Some(sub) = command.find_subcommand_mut(name) {
            section(&mut text, &mut sub.clone().term_width(WIDTH), &format!("fanin {name}"));
        }
    }
    text
}

fn section(text: &mut String, command: &mut clap::Command, title: &str) {
    let help = command.render_long_help().to_string();
    let _ = writeln!(text, "\n## {title}\n\n```text");
    for line in help.trim_end().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push_str("```\n");
}
