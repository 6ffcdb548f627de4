//! From the text of a call to a method: names, spellings and arguments, with the nearest name where one is wrong.

use super::elsewhere::{answer, plain};
use super::{AnyMethod, Entry, METHODS, Spelling};
use crate::call::Call;
use crate::error::Refusal;
use serde_json::{Map, Value};

/// A call that has been understood.
pub struct Resolved {
    /// The method's entry.
    pub entry: &'static Entry,
    /// The spelling that was used, if it was not the method's own name.
    pub spelling: Option<&'static Spelling>,
    /// The method with its arguments.
    pub method: Box<dyn AnyMethod>,
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resolved({:?}, {:?})", self.entry, self.method.args())
    }
}

/// The method that a call names, with its arguments.
///
/// # Errors
/// If no method has that name, or it has no such argument, or the argument's value is of another kind.
pub fn resolve(call: &Call) -> Result<Resolved, Refusal> {
    let own = METHODS.iter().find(|entry| call.dialect.is_none() && entry.about().name == call.name);
    let (entry, spelling) = match own {
        Some(entry) => (entry, None),
        None => find(call)?,
    };
    let args = match spelling {
        None => call.args.clone(),
        Some(spelling) => arguments(spelling, call)?,
    };
    let method = entry.make(args).map_err(|error| {
        let known: Vec<String> = arguments_of(entry);
        Refusal::new(error.to_string(), known.join(", "), format!("See `fanin explain {}`.", entry.about().name))
            .of("", &call.to_string())
    })?;
    Ok(Resolved { entry, spelling, method })
}

/// The arguments of a method with their defaults: `fan=in`.
fn arguments_of(entry: &Entry) -> Vec<String> {
    let defaults = entry.make(Map::new()).map(|method| method.args()).unwrap_or_default();
    if defaults.is_empty() {
        return vec!["no arguments".to_owned()];
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    defaults.iter().map(|(key, value)| format!("{key}={}", text(value))).collect()
}

/// Frameworks whose initializers are another's: their names are looked up there, too.
const RELATIVES: [(&str, &str); 9] = [
    ("flax", "jax"),
    ("nnx", "flax"),
    ("nnx", "jax"),
    ("oneflow", "torch"),
    ("lux", "flux"),
    ("tf", "keras"),
    ("tf", "tf1"),
    ("tensorflow", "keras"),
    ("tensorflow", "tf1"),
];

/// Where initializers stand in a framework's own code: `torch.nn.init.xavier_uniform_` is `torch:xavier_uniform_`.
const PLACES: [(&str, &str); 25] = [
    ("torch.nn.init.", "torch"),
    ("nn.init.", "torch"),
    ("oneflow.nn.init.", "oneflow"),
    ("mlx.nn.init.", "mlx"),
    ("mup.init.", "mup"),
    ("timm.layers.", "timm"),
    ("transformers.initialization.", "hf"),
    ("tf.keras.initializers.", "keras"),
    ("tensorflow.keras.initializers.", "keras"),
    ("keras.initializers.", "keras"),
    ("tf.compat.v1.", "tf1"),
    ("tf.initializers.", "tf"),
    ("jax.nn.initializers.", "jax"),
    ("flax.linen.initializers.", "flax"),
    ("flax.nnx.initializers.", "nnx"),
    ("nnx.initializers.", "nnx"),
    ("nn.initializers.", "flax"),
    ("haiku.initializers.", "haiku"),
    ("hk.initializers.", "haiku"),
    ("snt.initializers.", "sonnet"),
    ("paddle.nn.initializer.", "paddle"),
    ("mxnet.init.", "mxnet"),
    ("mx.init.", "mxnet"),
    ("mindspore.common.initializer.", "mindspore"),
    ("chainer.initializers.", "chainer"),
];

/// Whose name it is, and the name.
fn whose(call: &Call) -> (Option<&str>, &str) {
    let place = PLACES.iter().find_map(|(place, dialect)| Some((*dialect, call.name.strip_prefix(place)?)));
    match place.filter(|_| call.dialect.is_none()) {
        Some((dialect, name)) => (Some(dialect), name),
        None => (call.dialect.as_deref(), &call.name),
    }
}

fn find(call: &Call) -> Result<(&'static Entry, Option<&'static Spelling>), Refusal> {
    let (dialect, name) = whose(call);
    let relatives = RELATIVES.iter().filter(|(own, _)| Some(*own) == dialect).map(|(_, other)| Some(*other));
    for wanted in std::iter::once(dialect).chain(relatives) {
        for entry in METHODS {
            for spelling in entry.about().spellings {
                if spelling.name == name && spelling.dialect == wanted {
                    return Ok((entry, Some(spelling)));
                }
            }
        }
    }
    if let Some(refusal) = answer(call) {
        return Err(refusal);
    }
    if let Some(found) = otherwise_written(dialect, name) {
        return Ok(found);
    }
    let written = dialect.map_or_else(|| name.to_owned(), |dialect| format!("{dialect}:{name}"));
    let near = names_of(name)
        .filter(|_| dialect.is_none())
        .or_else(|| nearest(&written).map(|name| format!("Did you mean `{name}`? ")))
        .unwrap_or_default();
    Err(Refusal::new(
        format!("there is no method `{written}`"),
        "the name of a method, or a framework's name for one",
        format!("{near}`fanin methods` lists all, with the frameworks' names."),
    )
    .of("", &call.to_string()))
}

/// A paper's name for a method, if it is one but for capitals, hyphens and underscores: `SkipInit`, `T-Fixup`.
fn otherwise_written(dialect: Option<&str>, name: &str) -> Option<(&'static Entry, Option<&'static Spelling>)> {
    if dialect.is_some() {
        return None;
    }
    let wanted = plain(name);
    METHODS.iter().find_map(|entry| {
        let about = entry.about();
        let same = |spelling: &&Spelling| spelling.dialect.is_none() && plain(spelling.name) == wanted;
        let spelling = about.spellings.iter().find(same);
        (plain(about.name) == wanted).then_some((entry, None)).or(spelling.map(|spelling| (entry, Some(spelling))))
    })
}

/// The names that a framework or a code base has, if the word is one.
fn names_of(word: &str) -> Option<String> {
    const MOST: usize = 12;
    let spellings = METHODS.iter().flat_map(|entry| entry.about().spellings);
    let mut names: Vec<String> =
        spellings.filter(|spelling| spelling.dialect == Some(word)).map(Spelling::written).collect();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("Its initializers are {}{rest}. ", names.join(", ")))
}

/// The name or spelling that is most like `written`.
pub(super) fn nearest(written: &str) -> Option<String> {
    let all = METHODS.iter().flat_map(|entry| {
        let about = entry.about();
        std::iter::once(about.name.to_owned()).chain(about.spellings.iter().map(Spelling::written))
    });
    let best = all.map(|name| (strsim::jaro_winkler(&name, written), name)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then_some(best.1)
}

/// Our arguments, from a spelling's own call and what the user wrote in the framework's words.
fn arguments(spelling: &Spelling, call: &Call) -> Result<Map<String, Value>, Refusal> {
    let stands_for: Call = spelling.call.parse()?;
    let mut args = stands_for.args;
    for (key, value) in &call.args {
        let ours = spelling.args.iter().find(|(theirs, _)| theirs == key).map(|(_, ours)| *ours);
        // A synonym takes the method's own arguments.
        let ours = ours.or_else(|| spelling.dialect.is_none().then_some(key.as_str()));
        let Some(ours) = ours else {
            let known: Vec<_> = spelling.args.iter().map(|(theirs, _)| *theirs).collect();
            let known = if known.is_empty() { "no arguments".to_owned() } else { known.join(", ") };
            let remedy = format!("Leave it out, or use `{}` with its own arguments.", spelling.call);
            return Err(Refusal::new(format!("there is no argument `{key}`"), known, remedy).of("", &call.to_string()));
        };
        let meant = spelling.values.iter().find(|(theirs, _)| value == theirs).map(|(_, ours)| Value::from(*ours));
        args.insert(ours.to_owned(), meant.unwrap_or_else(|| value.clone()));
    }
    Ok(args)
}
