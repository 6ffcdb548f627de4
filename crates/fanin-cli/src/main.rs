//! The program `fanin`.
fn main() {}
