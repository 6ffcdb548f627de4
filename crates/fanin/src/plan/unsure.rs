//! [`Question`]: what a plan is unsure of, parameters of one kind together, with the words that settle it.

use crate::doubt::{About, Doubt};
use crate::param::Param;
use crate::role::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Something that the file does not tell and the plan had to take for granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What it is about: `role`, `axes`, `stride`, `repeat`, `tie`, `law`.
    pub about: About,
    /// The parameters it is about: those of one kind, in file order.
    pub names: Vec<String>,
    /// What is not known.
    pub what: String,
    /// What is taken until somebody says otherwise.
    pub taken: String,
    /// The option that settles it: `--say 'up.*.weight=stride:4'`.
    pub settle: String,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.names.first().map_or("", String::as_str);
        let more = match self.names.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more like it", n - 1),
        };
        write!(f, "`{first}`{more}: {} is not known; {}. To settle it: {}", self.what, self.taken, self.settle)
    }
}

/// The fact that settles a question, and whether it is one of a whole module.
struct Settling {
    say: String,
    whole: bool,
}

/// The questions about all parameters; those that differ in numbers only are one.
pub(super) fn questions(params: &[Param], is_settled: impl Fn(&Param) -> bool) -> Vec<Question> {
    let mut index: BTreeMap<(About, String, String, String), usize> = BTreeMap::new();
    let mut questions: Vec<(Question, String, Settling)> = Vec::new();
    for param in params.iter().filter(|param| !is_settled(param)) {
        for doubt in doubts(param) {
            let kind = if doubt.module.is_empty() { pattern(&param.name) } else { format!("{}*", doubt.module) };
            let key = (doubt.about, kind.clone(), pattern(&doubt.what), doubt.say.clone());
            if let Some(&at) = index.get(&key) {
                questions[at].0.names.push(param.name.clone());
            } else {
                index.insert(key, questions.len());
                let Doubt { about, what, taken, say, module } = doubt;
                let names = vec![param.name.clone()];
                let question = Question { about, names, what, taken, settle: String::new() };
                questions.push((question, kind, Settling { say, whole: !module.is_empty() }));
            }
        }
    }
    let settled = |(mut question, kind, Settling { say, whole }): (Question, String, Settling)| {
        let names = if question.names.len() == 1 && !whole { &question.names[0] } else { &kind };
        question.settle =
            if say.is_empty() { format!("--set '{names}=CALL'") } else { format!("--say '{names}={say}'") };
        question
    };
    questions.into_iter().map(settled).collect()
}

/// A parameter's doubts; one of unknown role always has one.
fn doubts(param: &Param) -> Vec<Doubt> {
    let mut doubts = param.place.doubts.clone();
    if param.role.value == Role::Unknown && !doubts.iter().any(|doubt| doubt.about == About::Role) {
        let note = param.place.note.as_deref().unwrap_or("no sign tells");
        doubts.push(Doubt::new(About::Role, format!("what it is for ({note})"), "left to the recipe", ""));
    }
    doubts
}

/// The name with every number replaced by `*`, so that it stands for all of its kind.
pub(crate) fn pattern(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if !c.is_ascii_digit() {
            text.push(c);
        } else if !text.ends_with('*') {
            text.push('*');
        }
    }
    text
}
