//! [`Strategy`]: a way to initialize a model, under the name that the comparison shows.

use crate::error::Error;
use crate::source::Source;
use fanin::auto::Given;
use fanin::methods::resolve;
use fanin::plan::Options;
use fanin::recipe::{BUILTIN, Rule, nearest};
use fanin::{Call, Graph, Param, Plan, Recipe, Refusal};
use fanin_engine::calibrate::resolve as resolve_calibration;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What is compared where nobody says otherwise: the founding strategies, orthogonal weights, the defaults of three
/// frameworks, layer-sequential unit variance, and the choice of fanin.
pub const DEFAULT: &[&str] =
    &["zero", "small_random", "xavier", "he", "sinusoidal", "orthogonal", "torch", "keras", "jax", "lsuv", "auto"];

/// Orthogonal weights with the factor √2 where a rectifier halves the power of what passes.
const ORTHOGONAL: &str = r#"
extends = "he"
[[rule]]
role = "weight"
activation = "relu|leaky_relu|relu6|elu|gelu|gelu_tanh|quick_gelu|silu|mish|hard_swish|softplus|squared_relu"
use = "orthogonal(gain=1.4142135623730951)"
[[rule]]
role = "weight|recurrent"
use = "orthogonal"
"#;

/// A way to initialize a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// Its name in the comparison.
    pub name: String,
    /// A built-in recipe, or what the rules of `text` are called.
    pub recipe: String,
    /// Rules that are no built-in recipe, as TOML: so a cell needs nothing but itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Options of the recipe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// Rules that go first, as `GLOB=CALL`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<String>,
    /// What is measured on the training data and changes the plan: a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrate: Option<String>,
    /// A model whose values are taken wherever it has them, as by `fanin init --from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
}

impl Strategy {
    /// Reads a strategy as a user writes it: a built-in recipe (`torch`, `gpt2`), a recipe file (`mine.toml`), a method or
    /// spelling for every weight (`mirrored`, `he(fan=out)`, `keras:lecun_normal`), each with `+CALL` for a calibration that
    /// follows, and with `NAME=` before it for a name of one's own; or `pretrained`, which takes values from `from`, with fits of its
    /// own in brackets: `pretrained(wider=pad,perturb=0.1)`.
    ///
    /// # Example
    /// ```
    /// use fanin_compare::Strategy;
    /// let strategy = Strategy::read("wide=he(fan=out)", None)?;
    /// assert_eq!(strategy.name, "wide");
    /// assert!(Strategy::read("hee", None).unwrap_err().to_string().contains("perhaps he"));
    /// # Ok::<(), fanin_compare::Error>(())
    /// ```
    ///
    /// # Errors
    /// If nothing has that name, or a call or file cannot be read.
    pub fn read(text: &str, from: Option<&Source>) -> Result<Strategy, Error> {
        let text = text.trim();
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        let (name, spec) = match text.split_once('=') {
            Some((name, spec)) if is_word(name) => (name, spec),
            _ => (text, text),
        };
        let (base, calibrate) = match spec.split_once('+') {
            Some((base, call)) if !call.is_empty() => (base, Some(call.to_owned())),
            _ => (spec, None),
        };
        let mut strategy = Strategy::base(base, from)?;
        name.clone_into(&mut strategy.name);
        if let Some(text) = calibrate {
            resolve_calibration(&text.parse::<Call>()?)?;
            strategy.calibrate = Some(text);
        }
        Ok(strategy)
    }

    fn base(text: &str, from: Option<&Source>) -> Result<Strategy, Error> {
        let plain = Strategy {
            name: text.to_owned(),
            recipe: text.to_owned(),
            text: None,
            with: Vec::new(),
            sets: Vec::new(),
            calibrate: None,
            from: None,
        };
        if text == "orthogonal" {
            return Ok(Strategy { text: Some(ORTHOGONAL.to_owned()), ..plain });
        }
        if text == "lsuv" {
            return Ok(Strategy { text: Some(ORTHOGONAL.to_owned()), calibrate: Some("lsuv".to_owned()), ..plain });
        }
        if let Some(fits) = pretrained(text) {
            return Ok(Strategy { recipe: "auto".to_owned(), from: Some(source(from)?.fitted(fits)?), ..plain });
        }
        if BUILTIN.iter().any(|(name, _)| *name == text) {
            return Ok(plain);
        }
        if Path::new(text).extension().is_some_and(|extension| extension == "toml") {
            let rules = std::fs::read_to_string(text).map_err(Error::io(Path::new(text), "read the recipe"))?;
            Recipe::read(text, &rules)?;
            return Ok(Strategy { text: Some(rules), ..plain });
        }
        let call: Call = text.parse().map_err(|_| unknown(text))?;
        if let Err(refusal) = resolve(&call) {
            return Err(if text.contains('(') { refusal.into() } else { unknown(text).into() });
        }
        let quoted = serde_json::Value::String(call.to_string());
        let rules = format!("extends = \"he\"\n[[rule]]\nrole = \"weight|recurrent\"\nuse = {quoted}\n");
        Ok(Strategy { text: Some(rules), ..plain })
    }

    /// Its recipe, with its options chosen.
    ///
    /// # Errors
    /// If there is no such recipe or option.
    pub fn recipe(&self) -> Result<Recipe, Error> {
        let mut recipe = match &self.text {
            Some(text) => Recipe::read(&self.recipe, text)?,
            None => Recipe::named(&self.recipe)?,
        };
        self.with.iter().try_for_each(|text| recipe.choose(text))?;
        Ok(recipe)
    }

    /// The plan for some parameters; with their graph, and with what is known of the data, `auto` calculates.
    ///
    /// # Errors
    /// If a parameter is refused.
    pub fn plan(&self, params: &[Param], graph: Option<&Graph>, seed: u64, given: &Given) -> Result<Plan, Error> {
        let sets = self.sets.iter().map(|text| Rule::set(text)).collect::<Result<_, _>>()?;
        let options = Options { seed, sets, ..Options::default() };
        Ok(fanin::auto::plan(params, graph, &self.recipe()?, &options, given)?)
    }
}

/// The fits of `pretrained` or `pretrained(FITS)`.
fn pretrained(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("pretrained")?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('(')?.strip_suffix(')') }
}

fn source(from: Option<&Source>) -> Result<&Source, Error> {
    let remedy = "Say where they come from: --from FILE.";
    let refusal = || Refusal::new("no file is given", "a model to take values from", remedy).of("pretrained", "");
    from.ok_or_else(|| refusal().into())
}

fn unknown(text: &str) -> Refusal {
    let names = BUILTIN.iter().map(|(name, _)| *name).chain(DEFAULT.iter().copied());
    let near = nearest(text, names).map_or(String::new(), |near| format!(" (perhaps {near})"));
    let expected = format!("a recipe, a method, or a call such as he(fan=out){near}");
    Refusal::new(format!("there is no strategy `{text}`"), expected, "`fanin recipes` and `fanin methods` list them.")
        .of("--strategies", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn std(text: &str, name: &str) -> f64 {
        let model = fanin_model::open("mlp:64-100x2-10:relu").unwrap();
        let plan =
            Strategy::read(text, None).unwrap().plan(model.params(), model.graph(), 0, &Given::default()).unwrap();
        plan.get(name).unwrap().variance.unwrap().sqrt()
    }

    #[test]
    fn each_way_to_write_one_is_read() {
        let he = std("he", "layers.1.weight");
        assert!((he - 0.02f64.sqrt()).abs() < 1e-12);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        close(std("he(fan=out)", "layers.1.weight"), he);
        close(std("mine=torch:kaiming_normal_", "layers.1.weight"), he);
        assert_eq!(std("small_random", "layers.1.weight"), 0.01);
        assert_eq!(std("small_random", "layers.1.bias"), 0.0);
        close(std("orthogonal", "layers.1.weight"), 2f64.sqrt() / 10.0);
        close(std("orthogonal", "layers.2.weight"), 0.1);
        let named = Strategy::read("a.b=orthogonal+lsuv(tolerance=0.1)", None).unwrap();
        assert_eq!((named.name.as_str(), named.calibrate.as_deref()), ("a.b", Some("lsuv(tolerance=0.1)")));
        for name in DEFAULT {
            Strategy::read(name, None).unwrap().recipe().unwrap();
        }
    }

    #[test]
    fn auto_is_told_of_the_data() {
        let model = fanin_model::open("mlp:64-32-10:relu").unwrap();
        let feed = fanin_network::Feed::open(&"digits".parse().unwrap(), model.graph().unwrap()).unwrap();
        let given = feed.given();
        let auto = Strategy::read("auto", None).unwrap();
        let [blind, told] = [&Given::default(), given].map(|given| {
            let plan = auto.plan(model.params(), model.graph(), 0, given).unwrap();
            plan.get("layers.0.weight").unwrap().std().unwrap()
        });
        let fed = given.inputs.values().next().unwrap();
        let second = fed.std * fed.std + fed.mean * fed.mean;
        assert!((told * told * second / (blind * blind) - 1.0).abs() < 0.01, "{blind} {told} {second}");
    }

    #[test]
    fn what_is_none_is_told() {
        for (text, words) in [
            ("xavir", "perhaps xavier"),
            ("he(fun=in)", "fun"),
            ("pretrained", "--from"),
            ("he+lsvu", "lsuv"),
            ("", ""),
        ] {
            let error = Strategy::read(text, None).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(Strategy::read("none.toml", None).is_err());
        let source =
            Source { path: "a.pt".into(), sha256: String::new(), maps: Vec::new(), fits: vec!["head=rows".into()] };
        let fitted = Strategy::read("mine=pretrained(wider=pad, perturb=0.1)", Some(&source)).unwrap();
        assert_eq!(fitted.from.unwrap().fits, ["head=rows", "wider=pad", "perturb=0.1"]);
        let error = Strategy::read("pretrained(wider=yes)", Some(&source)).unwrap_err().to_string();
        assert!(error.contains("draw, pad, net2net"), "{error}");
    }
}
