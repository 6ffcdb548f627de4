//! A Rust file as a flat list of tokens: no comments, no strings, no test code.

use anyhow::anyhow;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::path::{Path, PathBuf};

/// One token with the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// What a file holds besides its tests.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) tokens: Vec<Token>,
    /// Modules in files of their own that are compiled for tests only.
    pub(super) test_modules: Vec<String>,
}

impl Source {
    pub(super) fn read(text: &str) -> anyhow::Result<Source> {
        let stream: TokenStream = text.parse().map_err(|e| anyhow!("{e}"))?;
        let mut source = Source::default();
        source.walk(&stream.into_iter().collect::<Vec<_>>());
        Ok(source)
    }

    fn walk(&mut self, trees: &[TokenTree]) {
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            if is_test_attribute(&trees[at..]) {
                at += 2;
                at += self.skip_item(&trees[at..]);
                continue;
            }
            self.push(tree);
            at += 1;
        }
    }

    fn push(&mut self, tree: &TokenTree) {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                self.tokens.push(Token { text: open.to_owned(), line });
                self.walk(&group.stream().into_iter().collect::<Vec<_>>());
                self.tokens.push(Token { text: close.to_owned(), line: group.span_close().start().line });
            }
            TokenTree::Literal(_) => self.tokens.push(Token { text: "\"\"".to_owned(), line }),
            other => self.tokens.push(Token { text: other.to_string(), line }),
        }
    }

    /// How many trees the item takes: up to its semicolon or its body. Notes the name of a module without a body.
    fn skip_item(&mut self, trees: &[TokenTree]) -> usize {
        for (i, tree) in trees.iter().enumerate() {
            match tree {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return i + 1,
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    if let [TokenTree::Ident(word), TokenTree::Ident(name)] = &trees[i.saturating_sub(2)..i]
                        && word == "mod"
                    {
                        self.test_modules.push(name.to_string());
                    }
                    return i + 1;
                }
                _ => {}
            }
        }
        trees.len()
    }
}

/// `#[cfg(test)]` or `#[test]`.
fn is_test_attribute(trees: &[TokenTree]) -> bool {
    let [TokenTree::Punct(hash), TokenTree::Group(group), ..] = trees else { return false };
    let text = group.stream().to_string();
    let text = text.replace(' ', "");
    hash.as_char() == '#' && (text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test"))
}

/// Every file below `folder` that is not test code, with its tokens.
pub(super) fn sources(folder: &str) -> anyhow::Result<Vec<(PathBuf, Source)>> {
    let mut sources = Vec::new();
    for path in crate::tree::files(folder, &["rs"])? {
        let source = Source::read(&crate::tree::read(&path)?).map_err(|e| e.context(path.display().to_string()))?;
        sources.push((path, source));
    }
    let tests: Vec<PathBuf> = sources
        .iter()
        .flat_map(|(path, source)| source.test_modules.iter().map(|name| home(path).join(name)))
        .collect();
    sources.retain(|(path, _)| !tests.iter().any(|test| path.starts_with(test) || *path == test.with_extension("rs")));
    Ok(sources)
}

/// The folder in which the modules of a file are found.
fn home(path: &Path) -> PathBuf {
    let name = path.file_stem().unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new(""));
    if name == "mod" || name == "lib" || name == "main" { folder.to_owned() } else { folder.join(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_tests_are_left_out() {
        let text = "// a::b\nuse x; #[cfg(test)] mod t { use y; }\n#[cfg(test)] mod far;\nfn f() { g(\"h\"); }";
        let source = Source::read(text).unwrap();
        let words: Vec<&str> = source.tokens.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(words, ["use", "x", ";", "fn", "f", "(", ")", "{", "g", "(", "\"\"", ")", ";", "}"]);
        assert_eq!(source.test_modules, ["far"]);
        assert_eq!(source.tokens.last().map(|t| t.line), Some(4));
    }
}
