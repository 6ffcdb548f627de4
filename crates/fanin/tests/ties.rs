//! Tied parameters are drawn once: the copy follows, in any form, type, region and on any number of threads.

use fanin::generate::{fill, fill_of};
use fanin::plan::{Options, plan};
use fanin::recipe::Rule;
use fanin::{Action, Axes, Decision, Dtype, Error, Form, Known, Param, Plan, Recipe, Region, Role, Tied};

const SEED: u64 = 5;

fn tied(name: &str, shape: &[u64], to: &str, form: Form) -> Param {
    let mut param = Param::new(name, shape, Dtype::F32, Role::Weight, Axes::linear());
    param.place.tied = Some(Known::user(Tied { to: to.to_owned(), form }));
    param
}

fn planned(params: &[Param], sets: &[&str]) -> Result<Plan, Error> {
    let sets = sets.iter().map(|text| Rule::set(text).unwrap()).collect();
    plan(params, &Recipe::named("auto").unwrap(), &Options { seed: SEED, sets, ..Options::default() })
}

fn bytes(plan: &Plan, name: &str, region: &Region) -> Vec<u8> {
    let decision = plan.get(name).unwrap();
    let mut out = vec![0xa5; region.len(&decision.param.shape) as usize * decision.dtype.size().unwrap()];
    fill_of(plan, decision, region, &mut out).unwrap();
    out
}

fn numbers(plan: &Plan, name: &str) -> Vec<f64> {
    let dtype = plan.get(name).unwrap().dtype;
    let bytes = bytes(plan, name, &Region::All);
    bytes.chunks_exact(dtype.size().unwrap()).map(|element| dtype.number(element).unwrap()).collect()
}

fn action(plan: &Plan, name: &str) -> String {
    match &plan.get(name).unwrap().action {
        Action::Fill(call) => call.to_string(),
        Action::Keep => "keep".to_owned(),
        Action::Tie(tied) => format!("{} {}", tied.form, tied.to),
        Action::Take(take) => format!("take from {}", take.file),
    }
}

fn pair(form: Form) -> [Param; 2] {
    let table = Param::new("table", &[40, 24], Dtype::F32, Role::Embedding, Axes::matmul());
    let shape: &[u64] = if form == Form::Transposed { &[24, 40] } else { &[40, 24] };
    [tied("head", shape, "table", form), table]
}

#[test]
fn an_equal_copy_has_the_bytes_of_what_is_drawn() {
    let plan = planned(&pair(Form::Equal), &[]).unwrap();
    assert_eq!(bytes(&plan, "head", &Region::All), bytes(&plan, "table", &Region::All));
    let (head, table) = (plan.get("head").unwrap(), plan.get("table").unwrap());
    assert_eq!((head.variance, table.std()), (None, Some(0.02)));
    assert!(head.reasons.iter().any(|reason| reason.about == "tied" && reason.text == "equal to `table`: you said so"));
}

#[test]
fn a_transposed_copy_is_the_transpose_for_laws_and_structures() {
    for call in ["normal(std=0.5)", "orthogonal", "ones"] {
        let plan = planned(&pair(Form::Transposed), &[&format!("table={call}")]).unwrap();
        let (head, table) = (numbers(&plan, "head"), numbers(&plan, "table"));
        for (i, &value) in head.iter().enumerate() {
            assert_eq!(value, table[i % 40 * 24 + i / 40], "{call} {i}");
        }
    }
}

#[test]
fn lengths_are_those_of_the_values_as_they_are_stored() {
    for (lengths, kept) in [(&[40u64, 1][..], 0), (&[1, 24], 1), (&[24], 1), (&[], 2)] {
        let params = [
            tied("g", lengths, "v", Form::Lengths),
            Param::new("v", &[40, 24], Dtype::F32, Role::Weight, Axes::linear()),
        ];
        for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F64, Dtype::F8E4m3] {
            let options = Options { seed: SEED, dtype: Some(dtype), ..Options::default() };
            let plan = plan(&params, &Recipe::named("auto").unwrap(), &options).unwrap();
            let (g, v) = (numbers(&plan, "g"), numbers(&plan, "v"));
            for (i, &length) in g.iter().enumerate() {
                let squares = v.iter().enumerate().filter(|(at, _)| match kept {
                    0 => at / 24 == i,
                    1 => at % 24 == i,
                    _ => true,
                });
                let truth = squares.map(|(_, value)| value * value).sum::<f64>().sqrt();
                let step = match dtype {
                    Dtype::F64 => 1e-15,
                    Dtype::F32 => 6e-8,
                    Dtype::Bf16 => 0.004,
                    _ => 0.0625,
                };
                assert!((length / truth - 1.0).abs() <= step, "{dtype} {lengths:?} {i}: {length} of {truth}");
                assert!(length > 0.0);
            }
        }
    }
}

#[test]
fn shards_and_threads_of_a_tied_copy_have_the_bits_of_the_whole() {
    let table = Param::new("table", &[700, 300], Dtype::F32, Role::Embedding, Axes::matmul());
    for (form, shape) in
        [(Form::Equal, &[700u64, 300][..]), (Form::Transposed, &[300, 700]), (Form::Lengths, &[700, 1])]
    {
        let plan = planned(&[table.clone(), tied("copy", shape, "table", form)], &[]).unwrap();
        let whole = bytes(&plan, "copy", &Region::All);
        let total = whole.len() as u64 / 4;
        for range in [0..1, 5..total.min(80_000), total - 1..total, total / 2..total / 2] {
            let part = bytes(&plan, "copy", &Region::Flat(range.clone()));
            assert_eq!(part, whole[range.start as usize * 4..range.end as usize * 4], "{form:?} {range:?}");
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| bytes(&plan, "copy", &Region::All)) == whole, "{form:?} on {threads} threads");
        }
    }
}

#[test]
fn a_rule_for_many_leaves_a_tie_and_one_that_names_it_unties() {
    let pair = pair(Form::Equal);
    assert_eq!(action(&planned(&pair, &["*=he"]).unwrap(), "head"), "equal to table");
    assert_eq!(action(&planned(&pair, &["head=he"]).unwrap(), "head"), "he");
    assert_eq!(action(&planned(&pair, &["head=keep"]).unwrap(), "head"), "keep");
}

#[test]
fn a_copy_of_what_is_kept_is_kept() {
    let plan = planned(&pair(Form::Equal), &["table=keep"]).unwrap();
    assert_eq!(action(&plan, "head"), "keep");
    let head = plan.get("head").unwrap();
    assert_eq!(head.reasons.last().unwrap().text, "it is equal to `table`, which is kept");
    assert!(plan.origins().of(head).unwrap().is_none());
}

#[test]
fn a_tied_decision_has_no_values_of_its_own() {
    let plan = planned(&pair(Form::Equal), &[]).unwrap();
    let head: &Decision = plan.get("head").unwrap();
    let refusal = fill(head, SEED, &Region::All, &mut vec![0; 40 * 24 * 4]).unwrap_err().to_string();
    assert!(refusal.contains("it is equal to `table`"), "{refusal}");
}

#[test]
fn ties_survive_json_and_enter_the_id() {
    let plans = [Form::Equal, Form::Lengths].map(|form| {
        let made = planned(&pair(form), &[]).unwrap();
        let read = Plan::from_json("p", &made.to_json()).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.id(), made.id());
        made
    });
    assert_ne!(plans[0].id(), plans[1].id());
    let fresh = planned(&pair(Form::Equal), &["head=normal(std=0.02)"]).unwrap();
    assert_ne!(plans[0].id(), fresh.id());
    // What is drawn decides the copy as well.
    let other = planned(&pair(Form::Equal), &["table=normal(std=0.03)"]).unwrap();
    assert_ne!(plans[0].id(), other.id());
}

#[test]
fn a_copy_follows_the_adjustments_of_what_is_drawn() {
    for (form, expected) in [(Form::Equal, 3.0), (Form::Transposed, 3.0), (Form::Lengths, 3.0)] {
        let mut plan = planned(&pair(form), &[]).unwrap();
        let before = numbers(&plan, "head");
        plan.decisions[1].adjust = fanin::plan::Adjust::default().scaled(expected);
        let ratio = |(after, before): (f64, f64)| (after / before / expected - 1.0).abs();
        let far = numbers(&plan, "head").into_iter().zip(before).map(ratio).fold(0.0, f64::max);
        assert!(far < 3e-7, "{form:?} {far}");
        plan.decisions[0].adjust = plan.decisions[1].adjust.clone();
        let error = Plan::from_json("p", &plan.to_json()).unwrap_err().to_string();
        assert!(error.contains("a tied copy has an adjustment of its own"), "{error}");
    }
}

#[test]
fn a_plan_with_a_tie_to_nothing_is_refused() {
    let made = planned(&pair(Form::Equal), &[]).unwrap().to_json();
    for (from, to, part) in [
        ("\"to\": \"table\"", "\"to\": \"tabel\"", "equal to `tabel`, which the plan does not draw"),
        ("\"to\": \"table\"", "\"to\": \"head\"", "equal to `head`, which the plan does not draw"),
        ("\"form\": \"equal\"", "\"form\": \"transposed\"", "cannot be the transpose of those of `table` [40, 24]"),
        ("\"action\": \"tie\"", "\"action\": \"tied\"", "expected fill, take, tie or keep"),
    ] {
        assert!(made.contains(from));
        let error = Plan::from_json("p", &made.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
