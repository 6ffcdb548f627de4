//! What `config.json` of the Hugging Face layout tells about the weights beside it.

use fanin::convention::{Config, NormOffset};
use serde_json::Value;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// A configuration is small; more is not read.
const LIMIT: u64 = 4 << 20;

/// Families whose norms multiply by 1 + w, where neither names nor shapes show it: the type, whether these norms have a
/// shift, and which norms are ordinary (transformers 5.24: `modeling_*.py`, the norm's `forward`).
const ONE_PLUS: [(&str, bool, &str); 10] = [
    ("gemma", false, ""),
    ("gemma2", false, ""),
    ("gemma3", false, ""),
    ("gemma3_text", false, ""),
    ("recurrent_gemma", false, ""),
    ("paligemma", false, ""),
    ("t5gemma", false, ""),
    ("vaultgemma", false, ""),
    ("qwen3_next", false, "linear_attn.norm"),
    ("nemotron", true, ""),
];

/// Reads `config.json` in `folder`; what it does not say stays open, and so does all of it where there is none.
pub(super) fn read(folder: &Path) -> Config {
    let mut text = String::new();
    let opened = File::open(folder.join("config.json"));
    if opened.and_then(|file| file.take(LIMIT).read_to_string(&mut text)).is_err() {
        return Config::default();
    }
    configuration(&text)
}

/// What the text of a `config.json` in the Hugging Face layout tells about a model's weights: nothing, where it is none.
///
/// # Example
/// ```
/// let config = fanin_model::configuration(r#"{"n_head": 12, "tie_word_embeddings": true}"#);
/// assert_eq!((config.heads, config.ties), (Some(12), Some(true)));
/// ```
pub fn configuration(text: &str) -> Config {
    serde_json::from_str(text).map_or_else(|_| Config::default(), |json| told(&json))
}

fn told(json: &Value) -> Config {
    let text = json.get("text_config").filter(|inner| inner.is_object());
    // A model of several parts says some things for all, others for its language model.
    let field = |name: &str| json.get(name).or_else(|| text?.get(name));
    let number = |names: &[&str]| names.iter().find_map(|name| field(name)?.as_u64()).filter(|&n| n > 0);
    let kind = json.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let norm = ONE_PLUS.iter().find(|(family, ..)| *family == kind);
    Config {
        ties: field("tie_word_embeddings").and_then(Value::as_bool),
        scores: json.get("architectures").and_then(Value::as_array).is_some_and(|all| all.iter().any(scores)),
        heads: number(&["num_attention_heads", "n_head", "n_heads", "num_heads"]),
        head_width: number(&["head_dim", "d_kv", "attention_head_dim"]),
        norm_offset: norm.map(|&(_, with_shift, but)| NormOffset { by: 1.0, with_shift, but }),
        source: "config.json".to_owned(),
    }
}

/// Whether a class of transformers ends in an output layer over the symbols.
fn scores(class: &Value) -> bool {
    let ends = ["LMHeadModel", "ForCausalLM", "ForMaskedLM", "ForConditionalGeneration"];
    class.as_str().is_some_and(|class| ends.iter().any(|end| class.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_and_what_is_not_stays_open() {
        let config = |text: &str| told(&serde_json::from_str(text).unwrap());
        let neox = config(r#"{"model_type": "gpt_neox", "num_attention_heads": 8, "tie_word_embeddings": false}"#);
        assert_eq!((neox.ties, neox.heads, neox.norm_offset), (Some(false), Some(8), None));
        let gemma = config(r#"{"model_type": "gemma2", "head_dim": 256, "text_config": {"n_head": 4}}"#);
        assert_eq!((gemma.ties, gemma.heads, gemma.head_width), (None, Some(4), Some(256)));
        assert!(gemma.norm_offset.is_some_and(|norm| norm.by == 1.0 && !norm.with_shift));
        assert!(config(r#"{"architectures": ["GPT2LMHeadModel"]}"#).scores && !gemma.scores);
        assert!(!config(r#"{"architectures": ["BertModel"]}"#).scores);
        let nothing = config("[]");
        assert_eq!((nothing.ties, nothing.heads, nothing.head_width), (None, None, None));
    }

    #[test]
    fn a_folder_without_a_configuration_or_with_a_broken_one_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), Config::default());
        std::fs::write(dir.path().join("config.json"), b"{\xff").unwrap();
        assert_eq!(read(dir.path()), Config::default());
    }
}
