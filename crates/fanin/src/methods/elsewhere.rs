//! Names that people know and that are no law of a parameter by itself: what does their work here.

use crate::call::Call;
use crate::error::Refusal;

/// A name, what it does where it is at home, and what to do here. The first word is a framework's, or empty.
const ELSEWHERE: &[(&str, &str, &str, &str)] = &[
    (
        "chainer",
        "NaN",
        "marks memory that nothing has filled yet",
        "Leave it out: a plan decides every parameter, and `fanin diagnose` finds what is not a number.",
    ),
    (
        "mxnet",
        "Mixed",
        "chooses initializers by the names of parameters",
        "Say it parameter by parameter, `--set '*bias=zeros'`, or write a recipe of rules.",
    ),
    ("mxnet", "Load", "copies arrays of a file", "Use `--from FILE`."),
    (
        "dl4j",
        "DISTRIBUTION",
        "draws from a distribution that is given beside it",
        "Name the distribution: `normal(mean=0, std=0.1)`, `uniform(low=-1, high=1)`, `truncated` or `constant`.",
    ),
    ("paddle", "NumpyArrayInitializer", "copies an array", "Write it to a file, and use `--from FILE`."),
    (
        "llm_foundry",
        "_fused",
        "gives each part of a fused weight its own fans",
        "Nothing: every method does so here, as the plan shows (`3 in one`); where it cannot see the parts, say them.",
    ),
    (
        "lux",
        "randC64",
        "fills real and imaginary parts from 0 to 1, which is no law of a complex number's size and phase",
        "Use `complex`, or store both parts as real tensors with `uniform(low=0, high=1)`.",
    ),
    ("paddle", "Assign", "copies an array", "Write it to a file, and use `--from FILE`."),
    ("torch", "calculate_gain", "is a factor", "Name the activation: `he(activation=tanh, gain=torch)`."),
    ("onnx", "Bernoulli", "is drawn anew each time the model runs", "Keep it as it is."),
    ("onnx", "Multinomial", "is drawn anew each time the model runs", "Keep it as it is."),
    ("mindspore", "Tensor", "copies an array", "Write it to a file, and use `--from FILE`."),
    ("peft", "pissa", FACTORS, "Use `--from FILE --fit lora=pissa`."),
    ("peft", "olora", FACTORS, "Use `--from FILE --fit lora=olora`."),
    (
        "peft",
        "mica",
        FACTORS,
        "Use `--from FILE --fit lora=pissa` for the largest directions; the smallest are not made here.",
    ),
    (
        "peft",
        "loftq",
        "quantizes a trained weight and corrects it",
        "Let PEFT make it; `peft:lora_A` and zeros need no weight.",
    ),
    ("peft", "eva", DATA, "Use `--from FILE --fit lora=eva --data DATA`."),
    ("peft", "corda", DATA, "Let PEFT make it; `peft:lora_A` and zeros need no data."),
    ("peft", "lora_ga", "takes gradients of a trained model", "Use `--from FILE --fit lora=gradient --data DATA`."),
    ("", "lsuv", CALIBRATES, "Use `fanin calibrate MODEL --method lsuv --data DATA`."),
    ("", "gradinit", CALIBRATES, "Use `fanin calibrate MODEL --method grad_init --data DATA`."),
    ("", "metainit", CALIBRATES, "Use `fanin calibrate MODEL --method meta_init --data DATA`."),
    (
        "",
        "actnorm",
        CALIBRATES,
        "Use `fanin calibrate MODEL --method weight_norm --data DATA`, or start it at `ones` and `zeros`.",
    ),
    ("", "whitening", DATA, "Use `fanin calibrate MODEL --method whiten --data DATA`."),
    ("", "zca", DATA, "Use `fanin calibrate MODEL --method whiten --data DATA`."),
    (
        "",
        "sylvester",
        "solves for each layer's weights from data (arXiv:2105.10335)",
        "Use `fanin calibrate MODEL --method krahenbuhl --data DATA`, which fits units to data as well.",
    ),
    (
        "",
        "batch_entropy",
        "is a term of the loss, which holds the entropy of each layer up while a network trains",
        "Use `fanin calibrate MODEL --method lsuv --data DATA`, which sets each layer's variance before.",
    ),
    ("", "nio", DATA, "Use `fanin calibrate MODEL --method grad_init --data DATA`, which learns scales as well."),
    (
        "",
        "swim",
        DATA,
        "Use `fanin calibrate MODEL --method krahenbuhl --data DATA`, which fits units to data as well.",
    ),
    (
        "",
        "autoinit",
        "goes through the graph with means and variances",
        "Use the recipe `auto` on a file with a graph.",
    ),
    (
        "",
        "virgo",
        "takes the degrees of a graph's nodes and what they exchange, for the layers of a graph network (arXiv:2312.02622)",
        "Use `g_init(degree=…)` with the mean degree, or calibrate on the data: `fanin calibrate MODEL --method lsuv`.",
    ),
    (
        "",
        "dks",
        RESHAPES,
        "Use `tat_slope` where the rectifiers are leaky; `mean_field` chooses weights for what is there.",
    ),
    (
        "",
        "depth_mup",
        "divides the branches and the learning rates by the root of the depth, in the network's own computation",
        "Use `depth_scaled`, which puts the factor of the branches into their last weights; rates are the recipe `mup`'s.",
    ),
    (
        "",
        "completep",
        "divides the branches by the depth, in the network's own computation, and changes learning rates and Adam's epsilon",
        "Use the recipe `mup` for the widths; the factor of the branches is the model's.",
    ),
    (
        "",
        "mip",
        "changes what a hypernetwork computes, so that its outputs do not grow with its inputs",
        "Use `hypernetwork` for its last layer.",
    ),
    (
        "",
        "constnet",
        "starts all units of a layer alike and lets dropout or the noise of training part them",
        "Use `zero_2022` or `idinit`, which need no random numbers and keep units apart.",
    ),
    (
        "",
        "conditioned",
        "makes query and key weights orthogonal by heads and value weights the identity",
        "Use `--recipe vit --with attention=conditioned`.",
    ),
    (
        "hf",
        "resize_token_embeddings",
        GROWS,
        "Use `--from FILE --fit vocabulary=covariance`, or `--fit vocabulary=mean`.",
    ),
    (
        "",
        "wechsel",
        GROWS,
        "Use `--from FILE --tokens old.json=new.json`: equal symbols keep their rows; vectors of words are not read.",
    ),
    (
        "",
        "focus",
        GROWS,
        "Use `--from FILE --tokens old.json=new.json`: equal symbols keep their rows; vectors of words are not read.",
    ),
    ("", "hyperclone", GROWS, "Use `--from FILE --fit wider=net2net`, which keeps the function as well."),
    ("", "stacking", GROWS, "Use `--from FILE --fit deeper=stack`."),
    ("", "g_stack", GROWS, "Use `--from FILE --fit deeper=stack`."),
    ("", "solar", GROWS, "Use `--from FILE --fit deeper=stack`, which repeats the blocks without leaving any out."),
    ("", "lemon", GROWS, "Use `--from FILE --fit deeper=silent --fit wider=net2net`."),
    ("", "subcloning", GROWS, "Use `--from FILE --fit smaller=subclone`."),
    (
        "",
        "upcycling",
        GROWS,
        "Use `--from FILE`: experts become copies of the one feed-forward network, and the router is drawn.",
    ),
    ("", "inflation", GROWS, "Use `--from FILE`: kernels with one more axis repeat the source's."),
    ("", "i3d", GROWS, "Use `--from FILE`: kernels with one more axis repeat the source's."),
    (
        "",
        "flexivit",
        "resizes the kernel of the patches of a trained model",
        "Keep the size of the patches, or let that one convolution be drawn: `--from FILE` says so in the plan.",
    ),
    ("", "net2net", GROWS, "Use `--from FILE --fit wider=net2net --fit deeper=net2net`."),
    ("", "bert2bert", GROWS, "Use `--from FILE --fit wider=aki --fit deeper=stack`."),
    ("", "ligo", GROWS, "Use `--from FILE --fit wider=net2net --fit deeper=blend`."),
    ("", "weight_selection", GROWS, "Use `--from FILE --fit smaller=select`."),
    ("", "ghn3", "predicts weights by a trained network", "Write them to a file, and use `--from FILE`."),
];

const FACTORS: &str = "splits a trained weight into factors";
const DATA: &str = "looks at data";
const CALIBRATES: &str = "measures on data and scales what another method drew";
const RESHAPES: &str = "changes the activations of the model, not its weights";
const GROWS: &str = "makes values of another model's";

/// Names that are no method: how each is written, what it does where it is at home, and what to do here.
pub fn elsewhere() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    ELSEWHERE.iter().map(|(dialect, name, what, remedy)| {
        (if dialect.is_empty() { (*name).to_owned() } else { format!("{dialect}:{name}") }, *what, *remedy)
    })
}

/// A name as papers and codes alike write it: `SkipInit`, `skip-init` and `skip_init` are one.
pub(super) fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '_'], "")
}

/// The answer to a name that is known and is no method.
pub(super) fn answer(call: &Call) -> Option<Refusal> {
    // Adapters are known by their papers, too.
    let paper = |dialect: &str| call.dialect.is_none() && matches!(dialect, "" | "peft");
    let known = |(dialect, name, ..): &&(&str, &str, &str, &str)| {
        (call.dialect.as_deref().unwrap_or("") == *dialect && call.name == *name)
            || (paper(dialect) && plain(&call.name) == plain(name))
    };
    let (dialect, name, what, remedy) = ELSEWHERE.iter().find(known)?;
    let written = if dialect.is_empty() { (*name).to_owned() } else { format!("{dialect}:{name}") };
    let refusal = Refusal::new(format!("`{written}` {what}"), "the name of an initializer", *remedy);
    Some(refusal.of("", &call.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::resolve;

    #[test]
    fn each_name_is_answered_with_what_does_its_work() {
        for (dialect, name, what, remedy) in ELSEWHERE {
            let written = if dialect.is_empty() { (*name).to_owned() } else { format!("{dialect}:{name}") };
            let said = resolve(&written.parse().unwrap()).unwrap_err().to_string();
            assert!(said.contains(what) && said.contains(remedy), "{said}");
        }
        assert!(resolve(&"SOLAR".parse().unwrap()).unwrap_err().to_string().contains("deeper=stack"));
        assert!(resolve(&"PiSSA".parse().unwrap()).unwrap_err().to_string().contains("lora=pissa"));
        assert!(resolve(&"grad-init".parse::<Call>().unwrap_or_else(|_| "grad_init".parse().unwrap())).is_err());
    }

    #[test]
    fn what_the_answers_name_is_there() {
        let words = ELSEWHERE.iter().flat_map(|(.., remedy)| remedy.split('`').skip(1).step_by(2));
        for call in words.filter(|word| !word.contains([' ', '…', '-']) && *word != "auto" && *word != "lstm") {
            resolve(&call.parse().unwrap()).unwrap_or_else(|e| panic!("{call}: {e}"));
        }
    }
}
