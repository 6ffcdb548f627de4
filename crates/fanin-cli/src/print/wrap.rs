//! Long lines broken at words where there is a terminal; a pipe gets them whole.

use super::terminal_width;

/// Wider lines are hard to read, however wide the terminal is.
const WIDEST: usize = 110;

/// `text` for standard output: every line at most as wide as the terminal, its continuations indented like its text.
pub(crate) fn for_terminal(text: &str) -> String {
    match terminal_width() {
        Some(width) => text.lines().map(|line| wrapped(line, usize::from(width).min(WIDEST)) + "\n").collect(),
        None => text.to_owned(),
    }
}

fn wrapped(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let margin = " ".repeat(indent(line).min(width / 2));
    let (mut text, mut column) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let size = word.trim_end().chars().count();
        if column + size > width && column > margin.len() {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&margin);
            column = margin.len();
        }
        text.push_str(word);
        column += word.chars().count();
    }
    text.truncate(text.trim_end().len());
    text
}

/// Where the text of a line begins: after its first column, if it has one that two spaces end.
fn indent(line: &str) -> usize {
    let start = line.len() - line.trim_start().len();
    let label = line[start..].find("  ").map_or(start, |at| {
        let after = &line[start + at..];
        start + line[start..start + at].chars().count() + after.len() - after.trim_start().len()
    });
    if start == 0 && label > 12 { 4 } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_words_below_their_text() {
        assert_eq!(wrapped("    rule     one two three four", 22), "    rule     one two\n           three four");
        assert_eq!(wrapped("plain words that go on", 12), "plain words\nthat go on");
        assert_eq!(wrapped("short", 5), "short");
        let long = "x".repeat(30);
        assert_eq!(wrapped(&long, 10), long, "a word without a place to break stays whole");
        for width in 1..40 {
            let text = wrapped("  a=b   µ-wörter und ÄÖÜ, more of them", width);
            assert_eq!(text.split_whitespace().count(), 7);
        }
    }
}
