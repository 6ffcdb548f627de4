//! Lists whose truth the live module tells: every tensor `is` what the class of its module says, and is read from names and
//! shapes alone.
//!
//! `testdata/modules/make.py` makes them. `FANIN_LISTS=FOLDER cargo test -p fanin --test modules -- --nocapture` judges the
//! lists of another folder and prints what is read otherwise. `FANIN_BLESS=1` writes `asked.txt` anew, to be reviewed.

mod pattern;

use fanin::convention::{Tensor, params};
use fanin::doubt::About;
use fanin::plan::{Options, plan};
use fanin::{Action, Axis, Dtype, Form, Param, Recipe, Role};
use pattern::pattern;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/modules");

/// A list of tensors, what each of them is, and the names that are one parameter.
struct List {
    name: String,
    tensors: Vec<Tensor>,
    is: Vec<Option<Truth>>,
    tied: Vec<BTreeSet<String>>,
}

/// What a tensor is: any of some roles, and the meaning of its dimensions where the module says it.
struct Truth {
    text: String,
    roles: Vec<&'static str>,
    dims: Option<String>,
    groups: u64,
    stride: u64,
    blocks: Option<usize>,
}

impl Truth {
    fn read(text: &str) -> Truth {
        let mut words = text.split(' ');
        let name = |word: &str| Role::ALL.iter().map(|role| role.name()).find(|name| *name == word).expect(word);
        let roles = words.next().unwrap().split('|').map(name).collect();
        let (mut dims, mut groups, mut stride, mut blocks) = (None, 1, 1, None);
        for word in words {
            match word.split_once('=') {
                Some(("g", n)) => groups = n.parse().unwrap(),
                Some(("s", n)) => stride = n.parse().unwrap(),
                Some(("b", n)) => blocks = Some(n.parse().unwrap()),
                _ => dims = Some(word.to_owned()),
            }
        }
        Truth { text: text.to_owned(), roles, dims, groups, stride, blocks }
    }

    /// What is read otherwise, with the doubt that would excuse it; `None` where all is right.
    fn differs(&self, param: &Param) -> Option<(String, About)> {
        let role = param.role.value.name();
        if !self.roles.contains(&role) {
            return Some((format!("role {role}"), About::Role));
        }
        let Some(axes) = param.axes.as_ref().map(|known| &known.value) else {
            return self.dims.as_ref().map(|_| ("no axes".to_owned(), About::Axes));
        };
        let letter = |axis: &Axis| match axis {
            Axis::Out => 'O',
            Axis::In => 'I',
            Axis::Field => 'K',
            Axis::Stack => 'S',
        };
        let dims: String = axes.dims.iter().map(letter).collect();
        if let Some(expected) = self.dims.as_ref() {
            if *expected != dims {
                return Some((format!("axes {dims}"), About::Axes));
            }
            if self.groups != axes.groups {
                return Some((format!("groups {}", axes.groups), About::Axes));
            }
            if self.stride != axes.stride {
                return Some((format!("stride {}", axes.stride), About::Stride));
            }
        }
        let blocks = axes.cuts.iter().map(|cut| cut.blocks.len()).sum::<usize>();
        let wrong = self.blocks.filter(|&expected| expected != blocks);
        wrong.map(|_| (format!("{blocks} blocks"), About::Axes))
    }
}

fn list(path: &Path) -> List {
    let json: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let lines = json["tensors"].as_array().unwrap();
    let tensor = |line: &Value| {
        let shape = line["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
        let dtype = match line["dtype"].as_str().unwrap() {
            "float32" => Dtype::F32,
            "bfloat16" => Dtype::Bf16,
            "float16" => Dtype::F16,
            "float64" => Dtype::F64,
            "bool" => Dtype::Bool,
            "int8" => Dtype::I8,
            "uint8" => Dtype::U8,
            "uint32" => Dtype::U32,
            "int32" => Dtype::I32,
            "int64" => Dtype::I64,
            "complex64" => Dtype::C64,
            other => panic!("{other}"),
        };
        (line["name"].as_str().unwrap().to_owned(), shape, dtype)
    };
    let mut tied: Vec<BTreeSet<String>> = Vec::new();
    for pair in json["tied"].as_array().into_iter().flatten() {
        let pair: Vec<String> = pair.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        match tied.iter_mut().find(|group| group.contains(&pair[1])) {
            Some(group) => {
                group.insert(pair[0].clone());
            }
            None => tied.push(pair.into_iter().collect()),
        }
    }
    List {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        tensors: lines.iter().map(tensor).collect(),
        is: lines.iter().map(|line| line["is"].as_str().map(Truth::read)).collect(),
        tied,
    }
}

fn lists(folder: &str) -> Vec<List> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut json: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    json.sort();
    json.iter().map(|path| list(path)).collect()
}

/// How many tensors are read right, which are asked about, and which are read wrongly without a question.
#[derive(Default)]
struct Verdict {
    right: usize,
    asked: Vec<String>,
    wrong: Vec<String>,
    untold: Vec<String>,
}

impl Verdict {
    fn say(&mut self, asked: bool, line: String) {
        if asked { self.asked.push(line) } else { self.wrong.push(line) }
    }
}

fn judge(list: &List) -> Verdict {
    let read = params(&list.tensors);
    let mut verdict = Verdict::default();
    for (param, is) in read.iter().zip(&list.is) {
        let line = |text: &str| format!("{}: {} {:?} {text}", list.name, param.name, param.shape);
        let asked = |about| param.place.doubts.iter().any(|doubt| doubt.about == about);
        let Some(truth) = is else {
            verdict.untold.push(line(&format!("is read as {}", param.role.value)));
            continue;
        };
        let found = truth.differs(param).or_else(|| ties(list, param, &read).map(|text| (text, About::Tie)));
        match found {
            None => verdict.right += 1,
            Some((text, about)) => {
                let unknown = param.role.value == Role::Unknown;
                let text = line(&format!("is {}, but {text} ({})", truth.text, param.role.from));
                verdict.say(unknown || asked(about), text);
            }
        }
    }
    verdict
}

/// What is wrong about whom a parameter is tied to.
fn ties(list: &List, param: &Param, read: &[Param]) -> Option<String> {
    let to = param.place.tied.as_ref().map(|known| &known.value).filter(|tied| tied.form == Form::Equal);
    let group = list.tied.iter().find(|group| group.contains(&param.name));
    match (to, group) {
        (Some(tied), Some(group)) if group.contains(&tied.to) => None,
        (Some(tied), _) => Some(format!("tied to {}", tied.to)),
        (None, Some(group)) => {
            // One of those that are one is drawn, the first that nothing is said of.
            let drawn = read.iter().find(|other| group.contains(&other.name) && other.place.tied.is_none());
            (drawn.is_some_and(|other| other.name != param.name)).then(|| "not tied".to_owned())
        }
        (None, None) => None,
    }
}

/// Lines that differ in numbers only, once, with how many they are.
fn kinds(lines: &[String]) -> String {
    let mut kinds: Vec<(String, usize, &str)> = Vec::new();
    let mut index = BTreeMap::new();
    for line in lines {
        let at = *index.entry(pattern(line)).or_insert_with(|| {
            kinds.push((pattern(line), 0, line));
            kinds.len() - 1
        });
        kinds[at].1 += 1;
    }
    let lines: Vec<String> = kinds.iter().map(|(_, count, line)| format!("{line} ×{count}\n")).collect();
    lines.concat()
}

#[test]
#[expect(clippy::print_stdout, reason = "the report that was asked for")]
fn every_tensor_is_read_as_its_module_says_or_asked_about() {
    let folder = std::env::var("FANIN_LISTS").ok();
    let (mut right, mut asked, mut wrong) = (0, Vec::new(), Vec::new());
    let mut untold = Vec::new();
    for list in lists(folder.as_deref().unwrap_or(FOLDER)) {
        let verdict = judge(&list);
        right += verdict.right;
        asked.extend(verdict.asked);
        wrong.extend(verdict.wrong);
        untold.extend(verdict.untold);
    }
    if folder.is_some() {
        println!("== wrong\n{}== asked\n{}== untold\n{}", kinds(&wrong), kinds(&asked), kinds(&untold));
        println!("{right} right, {} asked, {} wrong, {} untold", asked.len(), wrong.len(), untold.len());
        return;
    }
    assert!(wrong.is_empty(), "{}", kinds(&wrong));
    assert!(untold.is_empty(), "{}", kinds(&untold));
    let path = format!("{FOLDER}/asked.txt");
    if std::env::var_os("FANIN_BLESS").is_some() {
        fs::write(&path, kinds(&asked)).unwrap();
    }
    assert_eq!(kinds(&asked), fs::read_to_string(&path).unwrap());
    assert!(right > 2000, "{right}");
}

#[test]
fn no_list_has_a_parameter_undecided_or_a_constant_drawn() {
    for list in lists(FOLDER) {
        let read = params(&list.tensors);
        for recipe in ["auto", "torch", "hf"] {
            let plan = plan(&read, &Recipe::named(recipe).unwrap(), &Options::default());
            let plan = plan.unwrap_or_else(|error| panic!("{} by {recipe}: {error}", list.name));
            let asked: BTreeSet<&str> = plan.unsure.iter().flat_map(|q| &q.names).map(String::as_str).collect();
            for (decision, is) in plan.decisions.iter().zip(&list.is) {
                let kept = decision.action == Action::Keep;
                // Some roles of a truth are those of constants, or all, or none.
                let roles = &is.as_ref().unwrap().roles;
                // A framework's recipe keeps what that framework has no layer for.
                let as_told = (kept && recipe != "auto")
                    || roles.iter().any(|role| matches!(*role, "fixed" | "statistic") == kept);
                let name = &decision.param.name;
                assert!(
                    as_told || decision.param.place.stand_in.is_some() || asked.contains(name.as_str()),
                    "{} by {recipe}: {name} is {:?}",
                    list.name,
                    decision.action
                );
            }
        }
    }
}
