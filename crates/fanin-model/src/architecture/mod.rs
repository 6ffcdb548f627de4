//! Short architectures: a line such as `mlp:784-256x20-10:relu` as a network, for people without a file.
//!
//! The text becomes the bytes of an ONNX model, which the ordinary reader opens: a short architecture is a model like any
//! other. Its parameters are placeholders of a few bytes, whatever their size.

mod activation;
mod attention;
mod bert;
mod cnn;
mod convnext;
mod fault;
mod gpt;
mod layer;
mod llama;
mod mlp;
mod mobilenet;
mod net;
mod option;
mod recurrent;
mod resnet;
mod siren;
mod swin;
mod text;
mod unet;
mod vit;

pub use fault::Misread;
pub use option::Choice;

use fault::Fault;
use net::Net;
use std::fmt::Write as _;
use text::Text;

/// A kind of architecture: what stands before the first colon.
#[derive(Debug)]
pub struct Kind {
    /// Its name: `mlp`.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The first part where none is given, such as the widths; empty for kinds that have options only.
    pub head: &'static str,
    /// How the first part is written.
    pub grammar: &'static str,
    /// Its options.
    pub options: &'static [Choice],
    /// Texts that show what it can do.
    pub examples: &'static [&'static str],
    build: fn(&Text<'_>, &mut Net) -> Result<(), Fault>,
}

/// Every kind.
pub const KINDS: &[Kind] = &[
    mlp::MLP,
    mlp::AUTOENCODER,
    siren::SIREN,
    cnn::CNN,
    cnn::VGG,
    resnet::RESNET,
    mobilenet::MOBILENET,
    convnext::CONVNEXT,
    unet::UNET,
    vit::VIT,
    swin::SWIN,
    gpt::GPT,
    llama::LLAMA,
    bert::BERT,
    recurrent::LSTM,
    recurrent::GRU,
    recurrent::RNN,
];

impl Kind {
    /// What it is, how it is written, and its options with their defaults, as Markdown without a heading.
    pub fn page(&self) -> String {
        let (first, rest) = self.about.split_at(1);
        let mut page = format!("{}{rest}.\n\n", first.to_uppercase());
        if !self.grammar.is_empty() {
            let _ = writeln!(page, "First part: {}. Without one: `{}`.\n", self.grammar, self.head);
        }
        for choice in self.options {
            let expected = if choice.is_flag() { String::new() } else { format!(", {}", choice.expected()) };
            let _ = writeln!(page, "- `{}={}`{expected}: {}", choice.name, choice.default, choice.about);
        }
        page.push_str("\nExamples:\n\n");
        for example in self.examples {
            let _ = writeln!(page, "    {example}");
        }
        page
    }

    /// What may stand where `wrong` stands, in words.
    pub(crate) fn expected(&self, wrong: &str) -> String {
        let names: Vec<&str> = self.options.iter().map(|choice| choice.name).collect();
        let bends = self.options.iter().any(Choice::is_activation);
        let bends = fanin::gain::Activation::ALL.iter().filter(|_| bends).map(|activation| activation.name());
        let near = fanin::recipe::nearest(wrong, names.iter().copied().chain(bends));
        let near = near.map_or(String::new(), |near| format!(" (perhaps {near})"));
        format!("one of {}{near}", names.join(", "))
    }
}

/// Whether a text looks like a short architecture: a word in small letters, then a colon.
pub fn looks_like(text: &str) -> bool {
    let kind = text.split_once(':').map_or("", |(kind, _)| kind);
    // A single letter is a disk of Windows.
    kind.len() >= 2 && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The bytes of an ONNX model that has the architecture.
///
/// The model runs as it is, with all weights zero; the first dimension of its inputs is free.
///
/// # Errors
/// If the text is not one of an architecture: every mistake in its options, or the first in its structure, each with the
/// character where it stands.
///
/// # Example
/// ```
/// let file = fanin_model::architecture::onnx("mlp:8-10-1:relu:sigmoid")?;
/// assert!(file.len() < 2000);
/// let wrong = fanin_model::architecture::onnx("mlp:8-1O-1").unwrap_err();
/// assert_eq!(wrong.characters(), [7]);
/// # Ok::<(), fanin_model::architecture::Misread>(())
/// ```
pub fn onnx(text: &str) -> Result<Vec<u8>, Misread> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let all = || KINDS.iter().map(|kind| kind.name);
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let near = fanin::recipe::nearest(name, all()).map_or(String::new(), |near| format!(" (perhaps {near})"));
        let expected = format!("one of {}{near}", all().collect::<Vec<_>>().join(", "));
        let fault = Fault::new(0, name.chars().count(), format!("`{name}` is no architecture"), expected);
        return Err(Misread::new(
            text,
            vec![fault],
            "If this is a file, check its path; else change the first word. `fanin explain KIND` tells what can follow.",
        ));
    };
    let remedy = format!("For example: {}. `fanin explain {name}` tells all options.", kind.examples[0]);
    let refused = |faults| Misread::new(text, faults, remedy.clone());
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_graphic()) {
        let fault = Fault::new(at, 1, format!("the character {c:?} has no meaning here"), "letters, digits and signs");
        return Err(refused(vec![fault]));
    }
    let read = Text::read(kind, rest, name.len() + 1).map_err(refused)?;
    let mut net = Net::default();
    (kind.build)(&read, &mut net).map_err(|fault| refused(vec![fault]))?;
    if let Some(excess) = net.excess.take() {
        let fault = Fault::new(0, text.len(), excess, "a network that a machine could hold");
        return Err(refused(vec![fault]));
    }
    Ok(net.finish(text))
}
