//! Names that differ in numbers only are of one kind.

/// Every number in a text as `#`.
pub(crate) fn pattern(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if !c.is_ascii_digit() {
            pattern.push(c);
        } else if !pattern.ends_with('#') {
            pattern.push('#');
        }
    }
    pattern
}
