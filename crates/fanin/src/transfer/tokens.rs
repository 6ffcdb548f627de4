//! [`Tokens`]: which row of a table of symbols belongs to which token of another vocabulary.

use crate::error::Refusal;
use serde_json::Value;
use std::collections::BTreeMap;

/// Tokens of two vocabularies, matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Rows of the source's tables.
    pub source: u64,
    /// For each row of the model's the source's row of the same token.
    pub rows: Vec<Option<u64>>,
}

/// Rows of a table that nobody has: a slip in an index would ask for the memory.
const MOST: u64 = 1 << 24;

impl Tokens {
    /// Matches the tokens of two files: `vocab.json` (tokens with their indices) or `tokenizer.json` of Hugging Face's
    /// tokenizers, with its added tokens. The words mark the beginning of a word in their own ways (`Ġ`, `▁`, and `WordPiece`
    /// marks what goes on, by `##`); these are the same here.
    ///
    /// # Errors
    /// If one is no such file.
    ///
    /// # Example
    /// ```
    /// use fanin::transfer::Tokens;
    /// let tokens = Tokens::matched(r#"{"a": 0, "Ġthe": 1}"#, r#"{"▁the": 0, "new": 1, "a": 2}"#)?;
    /// assert_eq!(tokens.rows, [Some(1), None, Some(0)]);
    /// # Ok::<(), fanin::Refusal>(())
    /// ```
    pub fn matched(source: &str, model: &str) -> Result<Tokens, Refusal> {
        let (theirs, own) = (Vocabulary::read(source)?, Vocabulary::read(model)?);
        let alike = |token: &str| theirs.plain.get(&plainly(token, own.marks_rest))?.as_ref();
        // Pieces of words and whole words are written alike where the marks differ, so only equal marks compare as they are.
        let same = |token: &str| theirs.tokens.get(token).filter(|_| theirs.marks_rest == own.marks_rest);
        let at = |token: &str| same(token).or_else(|| alike(token));
        let mut rows = vec![None; own.size()? as usize];
        for (token, index) in &own.tokens {
            rows[*index as usize] = at(token).copied();
        }
        Ok(Tokens { source: theirs.size()?, rows })
    }
}

struct Vocabulary {
    tokens: BTreeMap<String, u64>,
    /// Tokens in a form that all tokenizers share; `None` where several are one.
    plain: BTreeMap<String, Option<u64>>,
    /// Whether pieces that go on are marked, rather than those that begin a word.
    marks_rest: bool,
}

impl Vocabulary {
    fn read(text: &str) -> Result<Vocabulary, Refusal> {
        let refused = |wrong: String| {
            let expected = "a vocab.json, or a tokenizer.json of Hugging Face's tokenizers";
            Refusal::new(wrong, expected, "Give the file that the tokenizer was saved to.").of("", "--tokens")
        };
        let value: Value = serde_json::from_str(text).map_err(|error| refused(format!("it is no JSON: {error}")))?;
        let mut tokens = BTreeMap::new();
        let mut add = |token: &str, index: Option<u64>| -> Result<(), Refusal> {
            let index = index.filter(|index| *index < MOST);
            let index = index.ok_or_else(|| refused(format!("the token `{token}` has no index that is a row")))?;
            tokens.insert(token.to_owned(), index);
            Ok(())
        };
        match value.pointer("/model/vocab").unwrap_or(&value) {
            Value::Object(all) => all.iter().try_for_each(|(token, index)| add(token, index.as_u64()))?,
            // A unigram model lists tokens with their scores.
            Value::Array(all) => all.iter().enumerate().try_for_each(|(index, entry)| {
                let token = entry.get(0).and_then(Value::as_str);
                add(token.ok_or_else(|| refused(format!("entry {index} has no token")))?, Some(index as u64))
            })?,
            _ => return Err(refused("it lists no tokens".to_owned())),
        }
        for added in value.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
            if let Some(token) = added.get("content").and_then(Value::as_str) {
                add(token, added.get("id").and_then(Value::as_u64))?;
            }
        }
        let marks_rest = tokens.keys().any(|token| token.starts_with("##"));
        let mut vocabulary = Vocabulary { tokens, plain: BTreeMap::new(), marks_rest };
        let mut plain: BTreeMap<String, Option<u64>> = BTreeMap::new();
        for (token, index) in &vocabulary.tokens {
            plain.entry(plainly(token, marks_rest)).and_modify(|known| *known = None).or_insert(Some(*index));
        }
        vocabulary.plain = plain;
        Ok(vocabulary)
    }

    /// Rows of the table: one more than the last index.
    fn size(&self) -> Result<u64, Refusal> {
        self.tokens
            .values()
            .max()
            .map(|last| last + 1)
            .ok_or_else(|| Refusal::new("it has no tokens", "at least one", "Give another file.").of("", "--tokens"))
    }
}

/// A token with a space before it where it begins a word.
fn plainly(token: &str, marks_rest: bool) -> String {
    if is_special(token) {
        return token.to_owned();
    }
    if marks_rest {
        return token.strip_prefix("##").map_or_else(|| format!(" {token}"), str::to_owned);
    }
    match token.strip_prefix(['Ġ', '▁']) {
        Some(rest) => format!(" {rest}"),
        None => token.to_owned(),
    }
}

/// `[CLS]`, `<s>`, `<|endoftext|>`: these mean what they say.
fn is_special(token: &str) -> bool {
    (token.starts_with('[') && token.ends_with(']') || token.starts_with('<') && token.ends_with('>'))
        && token.len() > 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabularies_of_three_kinds_are_matched() {
        let pieces = r###"{"[CLS]": 0, "the": 1, "##ing": 2}"###;
        let bpe =
            r#"{"model": {"vocab": {"ing": 0, "Ġthe": 1, "the": 2}}, "added_tokens": [{"id": 4, "content": "[CLS]"}]}"#;
        let unigram = r#"{"model": {"vocab": [["▁the", -1.5], ["ing", -2.0], ["<s>", 0]]}}"#;
        assert_eq!(
            Tokens::matched(pieces, bpe).unwrap(),
            Tokens { source: 3, rows: vec![Some(2), Some(1), None, None, Some(0)] }
        );
        assert_eq!(Tokens::matched(bpe, unigram).unwrap(), Tokens { source: 5, rows: vec![Some(1), Some(0), None] });
        assert_eq!(Tokens::matched(unigram, pieces).unwrap().rows, [None, Some(0), Some(1)]);
    }

    #[test]
    fn what_is_none_is_refused() {
        let good = r#"{"a": 0}"#;
        for (bad, words) in [
            ("[", "no JSON"),
            ("3", "lists no tokens"),
            (r#"{"a": "x"}"#, "`a` has no index"),
            (r#"{"a": 99999999999}"#, "`a` has no index"),
            (r#"{"model": {"vocab": [3]}}"#, "entry 0"),
            ("{}", "no tokens"),
        ] {
            for (source, model) in [(bad, good), (good, bad)] {
                let error = Tokens::matched(source, model).unwrap_err().to_string();
                assert!(error.contains(words) && error.contains("--tokens"), "{bad}: {error}");
            }
        }
    }
}
