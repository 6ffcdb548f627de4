//! The mathematical functions of the platform differ in their last bits from machine to machine; where values are made
//! they are not used. Our own are in `fanin::numerics`.

use super::Problem;
use super::source::{Token, sources};
use crate::tree;

/// What is not used in the crate `fanin` outside its tests: everything that IEEE 754 does not fix to the last bit.
const PLATFORM: [&str; 26] = [
    "ln", "ln_1p", "log", "log2", "log10", "exp", "exp2", "exp_m1", "powf", "powi", "cbrt", "hypot", "sin", "cos",
    "tan", "sin_cos", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
];
/// Where a product and a sum may be rounded once. Anywhere else it is a slip that changes bits.
const FUSED: [&str; 3] = ["crates/fanin/src/kernel", "crates/fanin/src/structure", "crates/fanin/src/numerics"];

pub(super) fn check() -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for (path, source) in sources("crates/fanin/src")? {
        let file = tree::written(&path);
        let may_fuse = FUSED.iter().any(|folder| file.starts_with(folder));
        problems.extend(violations(&file, may_fuse, &source.tokens));
    }
    Ok(problems)
}

fn violations(file: &str, may_fuse: bool, tokens: &[Token]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for i in 1..tokens.len() {
        let word = |k: usize| tokens.get(k).map_or("", |t: &Token| t.text.as_str());
        let method = word(i - 1) == "." && word(i + 1) == "(";
        let path = i >= 3 && word(i - 1) == ":" && matches!(word(i - 3), "f64" | "f32");
        if !method && !path {
            continue;
        }
        let name = word(i);
        if PLATFORM.contains(&name) {
            let text = format!("`{name}` differs between machines: use fanin::numerics, or products");
            problems.push(Problem::new(file, tokens[i].line, text));
        } else if name == "mul_add" && !may_fuse {
            let text = "`mul_add` is for kernel, structure and numerics, where its rounding is meant";
            problems.push(Problem::new(file, tokens[i].line, text));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    #[test]
    fn methods_and_paths_are_seen_and_our_own_functions_are_not() {
        let count = |text: &str| violations("f", false, &Source::read(text).unwrap().tokens).len();
        assert_eq!(count("fn f(x: f64) -> f64 { x.exp() }"), 1);
        assert_eq!(count("fn f(x: &[f64]) { x.iter().map(|x| f64::ln(*x)) }"), 1);
        assert_eq!(count("fn f(x: f64) -> f64 { x.mul_add(x, x) }"), 1);
        assert_eq!(count("fn f(x: f64) -> f64 { numerics::exp(x) + exp(x) + x.sqrt() + law.sin }"), 0);
    }
}
