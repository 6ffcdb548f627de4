//! Files of every format with bytes changed, cut off, repeated and spliced: refused or read, never a panic, never more memory than
//! the file explains. The targets of `fuzz/` do the same with a compiler that finds its way; this runs wherever the tests do.
//!
//! Each kind of file is tried for a bounded time from a fixed seed, which is printed. `FANIN_MUTATION_SECONDS=600 cargo test -p
//! fanin-model --test mutated -- --nocapture` looks for longer, `FANIN_MUTATION_SEED=1` elsewhere.

use fanin::Stream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[expect(unreachable_pub, reason = "it is the library of the fuzz targets")]
#[path = "../../../fuzz/src/lib.rs"]
mod exercise;

/// Seconds for each kind of file, and how many changed files there are at least, on however slow a machine.
const SECONDS: u64 = 2;
const FEWEST: u64 = 20;
/// What one file may take; one that sends the reader in circles would take hours.
const LONGEST: Duration = Duration::from_secs(10);

/// Formats, with the folders of `testdata` that hold files of them.
const FORMATS: [(&str, &[&str]); 9] = [
    ("safetensors", &["numpy", "torch"]),
    ("pt", &["torch"]),
    ("ckpt", &["torch"]),
    ("pth", &["torch"]),
    ("h5", &["keras"]),
    ("keras", &["keras"]),
    ("npz", &["numpy"]),
    ("npy", &["numpy"]),
    ("gguf", &["gguf"]),
];

/// Random numbers that a seed and a name give.
struct Dice {
    stream: Stream,
    next: u64,
}

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.next += 1;
        let wide = u64::from(self.stream.word(2 * self.next)) << 32 | u64::from(self.stream.word(2 * self.next + 1));
        (wide % most.max(1) as u64) as usize
    }
}

/// Numbers that readers stumble over.
const EDGES: [u64; 10] =
    [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff];

/// A file with up to four changes; `other` is one to splice from.
fn mutated(file: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=dice.below(4) {
        // Structure is mostly in front, and at the end of archives.
        let at = |dice: &mut Dice, len: usize| match dice.below(4) {
            0 => dice.below(len),
            1 => len.saturating_sub(1 + dice.below(256)),
            _ => dice.below(len.min(2048)),
        };
        if bytes.is_empty() {
            break;
        }
        let place = at(dice, bytes.len());
        match dice.below(8) {
            0 => bytes[place] ^= 1 << dice.below(8),
            1 => bytes[place] = dice.below(256) as u8,
            2 => bytes.truncate(place),
            3 => {
                let end = (place + dice.below(64)).min(bytes.len());
                bytes.drain(place..end);
            }
            4 => {
                let end = (place + dice.below(64)).min(bytes.len());
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
            5 => {
                let start = at(dice, other.len());
                let end = (start + dice.below(256)).min(other.len());
                let piece = &other[start.min(end)..end];
                let over = place + piece.len().min(bytes.len() - place);
                bytes.splice(place..over, piece.iter().copied());
            }
            _ => {
                let width = [1, 2, 4, 8][dice.below(4)].min(bytes.len() - place);
                let edge = EDGES[dice.below(EDGES.len())].wrapping_add(dice.below(3) as u64).wrapping_sub(1);
                bytes[place..place + width].copy_from_slice(&edge.to_le_bytes()[..width]);
            }
        }
    }
    bytes
}

fn samples(extension: &str, folders: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| path.extension().is_some_and(|own| own == extension)));
    }
    found.sort();
    found.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

/// Random numbers for a kind of file, and until when it is tried.
struct Trial {
    what: String,
    seed: u64,
    dice: Dice,
    until: Instant,
    rounds: u64,
}

impl Trial {
    fn new(what: &str) -> Trial {
        let seed = number("FANIN_MUTATION_SEED", 0);
        let until = Instant::now() + Duration::from_secs(number("FANIN_MUTATION_SECONDS", SECONDS));
        let dice = Dice { stream: Stream::new(seed, what), next: 0 };
        Trial { what: what.to_owned(), seed, dice, until, rounds: 0 }
    }

    /// Whether there is another round; its number and the seed are told where one fails.
    fn goes_on(&mut self) -> bool {
        let goes = self.rounds < FEWEST || Instant::now() < self.until;
        self.rounds += u64::from(goes);
        goes
    }
}

impl std::fmt::Display for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, round {} of seed {}", self.what, self.rounds, self.seed)
    }
}

impl Drop for Trial {
    #[expect(clippy::print_stdout, reason = "the seed, for whoever wants the same files again")]
    fn drop(&mut self) {
        println!("{self}");
    }
}

/// Opens a file in a process that is this one: a panic is told with the bytes that made it.
fn survives(extension: &str, bytes: &[u8], told: &str) {
    let start = Instant::now();
    let ran = catch_unwind(AssertUnwindSafe(|| exercise::exercise(extension, bytes)));
    let took = start.elapsed();
    if ran.is_err() || took > LONGEST {
        let kept = std::env::temp_dir().join(format!("fanin-mutated-{}.{extension}", std::process::id()));
        std::fs::write(&kept, bytes).unwrap();
        panic!(
            "{told}: {} after {took:?}; the file is {}",
            if ran.is_err() { "a panic" } else { "no end" },
            kept.display()
        );
    }
}

fn run(extension: &str, folders: &[&str]) {
    let samples = samples(extension, folders);
    assert!(!samples.is_empty(), "no sample of .{extension}");
    let mut trial = Trial::new(extension);
    while trial.goes_on() {
        let (path, file) = &samples[trial.dice.below(samples.len())];
        let other = &samples[trial.dice.below(samples.len())].1;
        let bytes = mutated(file, other, &mut trial.dice);
        survives(extension, &bytes, &format!("{}: {trial}", path.display()));
    }
}

#[test]
fn changed_files_are_refused_or_read() {
    let threads: Vec<_> =
        FORMATS.iter().map(|&(extension, folders)| std::thread::spawn(move || run(extension, folders))).collect();
    let failed: Vec<String> = threads
        .into_iter()
        .filter_map(|thread| thread.join().err())
        .map(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn changed_graphs_are_refused_or_read() {
    // Models are built here, since those of `testdata/graphs` have no values.
    let files = ["mlp:4-3-2:relu", "cnn:1x4x4-2c3-pool2-2", "gru:3-4x1-2"]
        .map(|text| fanin_model::architecture::onnx(text).unwrap());
    let mut trial = Trial::new("onnx");
    while trial.goes_on() {
        let [file, other] = [0; 2].map(|_| &files[trial.dice.below(files.len())]);
        let bytes = mutated(file, other, &mut trial.dice);
        survives("onnx", &bytes, &trial.to_string());
    }
}

/// A text with some of its numbers and words changed for others, which leaves most of its brackets as they are.
fn retold(text: &str, dice: &mut Dice) -> String {
    const WORDS: [&str; 9] = ["0", "-1", "1e308", "18446744073709551615", "4294967296", "null", "[]", "\"w\"", "{}"];
    let mut text = text.to_owned();
    for _ in 0..=dice.below(3) {
        let digits: Vec<usize> = text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
        let Some(&at) = digits.get(dice.below(digits.len())) else { break };
        let end = at + text[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - at);
        text.replace_range(at..end, WORDS[dice.below(WORDS.len())]);
    }
    text
}

fn survives_as(trial: &Trial, run: impl FnOnce()) {
    let start = Instant::now();
    let ran = catch_unwind(AssertUnwindSafe(run));
    assert!(ran.is_ok() && start.elapsed() < LONGEST, "{trial}: {:?}", start.elapsed());
}

#[test]
fn changed_folders_are_refused_or_read() {
    let file =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/torch/state.safetensors")).unwrap();
    let names = fanin_model::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/torch/state.safetensors"));
    let names: Vec<String> =
        names.unwrap().params().iter().map(|p| format!("\"{}\":\"a.safetensors\"", p.name)).collect();
    let index = format!("{{\"metadata\":{{\"total_size\":100}},\"weight_map\":{{{}}}}}", names.join(","));
    let config = br#"{"num_attention_heads": 4, "tie_word_embeddings": true, "architectures": ["GPT2LMHeadModel"]}"#;
    let mut trial = Trial::new("folder");
    while trial.goes_on() {
        let (mut index, mut file, mut config) = (index.clone().into_bytes(), file.clone(), config.to_vec());
        match trial.dice.below(3) {
            0 => index = mutated(&index, &config, &mut trial.dice),
            1 => file = mutated(&file, &index, &mut trial.dice),
            _ => config = mutated(&config, &index, &mut trial.dice),
        }
        let files: [(&str, &[u8]); 3] =
            [("model.safetensors.index.json", &index), ("a.safetensors", &file), ("config.json", &config)];
        survives_as(&trial, || exercise::exercise_folder(&files));
    }
}

#[test]
fn changed_plans_are_refused_or_read() {
    let place = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/transfer").join(name);
    let planned = |model: &str| {
        let model = fanin_model::open(model).unwrap();
        let recipe = fanin::Recipe::named("auto").unwrap();
        fanin::plan::plan(model.params(), &recipe, &fanin::plan::Options::default()).unwrap()
    };
    let taking = |model: &str, from: &str, fit: &str| {
        let mut options = fanin::transfer::Options::default();
        options.set(fit).unwrap();
        fanin_model::transfer(planned(model), &place(from), &options).unwrap().0.plan
    };
    let adapted = place("adapted.onnx").display().to_string();
    let texts = [
        planned("gru:3-4x1-2").to_json(),
        taking(&adapted, "plain.onnx", "lora=pissa").to_json(),
        taking("mlp:64-24x2-12:relu", "plain.onnx", "wider=net2net").to_json(),
        taking("mlp:64-8x2-10:relu", "plain.onnx", "smaller=select").to_json(),
    ];
    for text in &texts {
        assert!(fanin::Plan::from_json("p", text).is_ok());
    }
    let mut trial = Trial::new("plan");
    while trial.goes_on() {
        let [text, other] = [0; 2].map(|_| &texts[trial.dice.below(texts.len())]);
        let changed = match trial.dice.below(4) {
            0 => mutated(text.as_bytes(), other.as_bytes(), &mut trial.dice),
            _ => retold(text, &mut trial.dice).into_bytes(),
        };
        survives_as(&trial, || exercise::exercise_plan(&changed));
    }
}

#[test]
fn files_that_end_anywhere_are_refused_or_read() {
    // Every length of the smallest file of each format; of larger ones a few hundred lengths.
    for (extension, folders) in FORMATS {
        let samples = samples(extension, folders);
        let (path, file) = samples.iter().min_by_key(|(_, file)| file.len()).unwrap();
        let step = (file.len() / 400).max(1);
        let ends = (0..file.len()).filter(|end| end % step == 0 || *end < 64 || file.len() - end < 128);
        for end in ends {
            survives(extension, &file[..end], &format!("{} of {end} bytes", path.display()));
        }
    }
}

#[test]
fn every_format_has_a_target_for_a_compiler_that_finds_its_way() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for target in ["safetensors", "torch", "keras", "numpy", "gguf", "onnx", "folder", "plan"] {
        let file = format!("fuzz_targets/{target}.rs");
        assert!(manifest.contains(&format!("path = \"{file}\"")), "{target}");
        let body = std::fs::read_to_string(fuzz.join(file)).unwrap();
        assert!(body.contains("fuzz_target!") && body.contains("fanin_fuzz::exercise"), "{target}");
    }
}
