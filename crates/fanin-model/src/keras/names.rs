//! What the variables of a Keras file are called: as Keras shows them, `dense/kernel`, whichever way they are stored.

use super::hdf5::{Dataset, Texts, Tree};
use super::variables;
use std::collections::{BTreeMap, BTreeSet};

/// Parts of a path that hold layers and are none themselves.
const CONTAINERS: [&str; 3] = ["layers", "_layer_checkpoint_dependencies", "_operations"];

/// What an optimizer is stored under.
const OPTIMIZERS: [&str; 2] = ["optimizer", "optimizer_weights"];

/// Where layers store their variables by number (Keras 3).
const VARS: &str = "vars";

/// Where a whole model keeps its weights (Keras 1 and 2, and Keras 3's `.h5`).
const MODEL_WEIGHTS: &str = "model_weights";

/// A variable of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Its dataset's index.
    pub(super) dataset: usize,
}

/// The variables of a file, and what else was in it.
pub(super) fn variables(tree: &Tree, layers: &[(String, String)]) -> (Vec<Variable>, Vec<String>) {
    let (named, skipped) = match legacy_root(tree) {
        Some(root) => legacy(tree, root),
        None => numbered(tree, layers),
    };
    (distinct(tree, named), skipped)
}

/// The group that lists the layers, in files that do.
fn legacy_root(tree: &Tree) -> Option<&'static str> {
    let lists = |path: &str| tree.groups.get(path).is_some_and(|texts| texts.contains_key("layer_names"));
    [MODEL_WEIGHTS, ""].into_iter().find(|path| lists(path))
}

/// Keras 1 and 2: each layer is a group with a list of its weights' names.
fn legacy(tree: &Tree, root: &str) -> (Vec<Variable>, Vec<String>) {
    let by_path: BTreeMap<&str, usize> = tree.datasets.iter().map(|d| d.path.as_str()).zip(0..).collect();
    let at = |path: &str| if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") };
    let list = |path: &str, name: &str| -> &[String] {
        tree.groups.get(path).and_then(|t: &Texts| t.get(name)).map_or(&[], Vec::as_slice)
    };
    let mut named = Vec::new();
    let top = "top_level_model_weights".to_owned();
    for layer in list(root, "layer_names").iter().chain([&top]) {
        for weight in list(&at(layer), "weight_names") {
            if let Some(&dataset) = by_path.get(at(&format!("{layer}/{weight}")).as_str()) {
                named.push((layer.clone(), Variable { name: plain(weight).to_owned(), dataset }));
            }
        }
    }
    without_model(&mut named);
    let taken: BTreeSet<usize> = named.iter().map(|(_, variable)| variable.dataset).collect();
    let rest = tree.datasets.iter().enumerate().filter(|(i, _)| !taken.contains(i));
    let skipped = skipped(rest.map(|(_, dataset)| dataset));
    (named.into_iter().map(|(_, variable)| variable).collect(), skipped)
}

/// TensorFlow's number of an output is no part of a name.
fn plain(name: &str) -> &str {
    name.strip_suffix(":0").unwrap_or(name)
}

/// Takes the model's own name off, which a sequential model puts before those of its layers.
fn without_model(named: &mut [(String, Variable)]) {
    let first = |name: &str| name.split_once('/').map(|(first, _)| first.to_owned());
    let Some(model) = named.first().and_then(|(_, variable)| first(&variable.name)) else { return };
    let behind = format!("{model}/");
    let all = named.iter().all(|(layer, variable)| {
        let rest = variable.name.strip_prefix(&behind);
        *layer != model && rest.is_some_and(|rest| rest.starts_with(&format!("{layer}/")))
    });
    if all {
        for (_, variable) in named {
            variable.name.drain(..behind.len());
        }
    }
}

/// Keras 3: variables stand under the path of their layer, by number. Other files have datasets with names of their own.
fn numbered(tree: &Tree, layers: &[(String, String)]) -> (Vec<Variable>, Vec<String>) {
    let mut shapes: BTreeMap<&str, Vec<&[u64]>> = BTreeMap::new();
    for dataset in &tree.datasets {
        shapes.entry(parent(&dataset.path)).or_default().push(&dataset.shape);
    }
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for (index, dataset) in tree.datasets.iter().enumerate() {
        let parts: Vec<&str> = dataset.path.split('/').collect();
        if OPTIMIZERS.contains(&parts[0]) {
            others.push(dataset);
            continue;
        }
        let name = match parts.as_slice() {
            [path @ .., VARS, number] if number.parse::<usize>().is_ok() => {
                let (layer, class) = owner(tree, path, layers);
                let own = variables::names(&class, &shapes[parent(&dataset.path)]);
                let number: usize = number.parse().unwrap_or(0);
                let word = own.get(number).cloned().unwrap_or_else(|| format!("var_{number}"));
                if layer.is_empty() { word } else { format!("{layer}/{word}") }
            }
            _ => plain(&dataset.path).to_owned(),
        };
        named.push(Variable { name, dataset: index });
    }
    (named, skipped(others.into_iter()))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The name of the layer at a path, and what it is.
fn owner(tree: &Tree, path: &[&str], layers: &[(String, String)]) -> (String, Vec<String>) {
    let (mut names, mut classes, mut full) = (Vec::new(), Vec::new(), String::new());
    for (depth, part) in path.iter().enumerate() {
        full = if depth == 0 { (*part).to_owned() } else { format!("{full}/{part}") };
        if CONTAINERS.contains(part) {
            continue;
        }
        let stored = tree.groups.get(&format!("{full}/{VARS}")).and_then(|texts| texts.get("name")?.first());
        let configured = layers.iter().find(|(place, _)| *place == full).map(|(_, name)| name);
        let name = stored.or(configured).map_or(*part, String::as_str);
        classes = vec![stem(part).to_owned(), stem(name).to_owned()];
        names.push(name);
    }
    (names.join("/"), classes)
}

/// A name without the number that makes it the only one: `conv2d_3`.
fn stem(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((stem, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => name,
    }
}

/// Gives variables whose names are not distinct the paths of their datasets.
fn distinct(tree: &Tree, mut named: Vec<Variable>) -> Vec<Variable> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for variable in &named {
        *counts.entry(variable.name.clone()).or_default() += 1;
    }
    for variable in named.iter_mut().filter(|variable| counts[&variable.name] > 1) {
        plain(&tree.datasets[variable.dataset].path).clone_into(&mut variable.name);
    }
    named
}

fn skipped<'a>(datasets: impl Iterator<Item = &'a Dataset>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for dataset in datasets {
        *counts.entry(dataset.path.split('/').next().unwrap_or_default()).or_default() += 1;
    }
    let note = |(group, count): (&str, usize)| format!("`{group}` ({count} arrays) is not part of the model");
    counts.into_iter().map(note).collect()
}
