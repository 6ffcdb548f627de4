//! Programs and traces: what is refused before anything runs, what is computed and when, gradients, branches, limits.

use fanin::Dtype;
use fanin::graph::{Body, Constant, Content, Graph, Node, NodeId, Value, ValueId};
use fanin_engine::{Constants, Error, Keep, Mode, Options, Program, Tensor};
use std::collections::BTreeMap;

/// A graph that is written down by names: inputs, constants, nodes as (operator, inputs, output).
struct Sketch {
    graph: Graph,
}

impl Sketch {
    fn new(inputs: &[&str], constants: &[(&str, &[u64])]) -> Sketch {
        let mut sketch = Sketch { graph: Graph { opsets: [(String::new(), 20)].into(), ..Graph::default() } };
        for name in inputs {
            let id = sketch.value(name);
            sketch.graph.inputs.push(id);
        }
        for (name, shape) in constants {
            let id = sketch.value(name);
            let constant = Constant { shape: shape.to_vec(), dtype: Dtype::F64, content: Content::Varied, ints: None };
            sketch.graph.values[id.0].constant = Some(constant);
        }
        sketch
    }

    fn value(&mut self, name: &str) -> ValueId {
        let at = self.graph.values.iter().position(|value| value.name == name);
        ValueId(at.unwrap_or_else(|| {
            self.graph.values.push(Value { name: name.to_owned(), ..Value::default() });
            self.graph.values.len() - 1
        }))
    }

    fn node(&mut self, op: &str, inputs: &[&str], output: &str) -> NodeId {
        let inputs = inputs.iter().map(|name| Some(self.value(name))).collect();
        let outputs = vec![Some(self.value(output))];
        self.graph.nodes.push(Node {
            name: format!("{op}_{output}"),
            op: op.to_owned(),
            inputs,
            outputs,
            ..Node::default()
        });
        NodeId(self.graph.nodes.len() - 1)
    }

    fn finish(mut self, outputs: &[&str]) -> Graph {
        self.graph.outputs = outputs.iter().map(|name| self.value(name)).collect();
        self.graph.connect();
        self.graph
    }
}

fn id(program: &Program, name: &str) -> ValueId {
    program.value(name).unwrap_or_else(|| panic!("{name}"))
}

fn vector(values: &[f64]) -> Tensor {
    Tensor::new(&[values.len()], values.to_vec()).unwrap()
}

fn number(trace: &mut fanin_engine::Trace<'_>, id: ValueId) -> f64 {
    trace.value(id).unwrap().to_f64s()[0]
}

/// x → a = x·w1 → b = tanh a → c = b·w2 → y = c + b.
fn chain() -> Program {
    let mut sketch = Sketch::new(&["x"], &[("w1", &[1]), ("w2", &[1])]);
    // Written in an order in which they cannot run.
    sketch.node("Add", &["c", "b"], "y");
    sketch.node("Mul", &["b", "w2"], "c");
    sketch.node("Tanh", &["a"], "b");
    sketch.node("Mul", &["x", "w1"], "a");
    Program::compile(sketch.finish(&["y"])).unwrap()
}

fn chain_constants(program: &Program) -> Constants {
    let value = |id: ValueId| if program.graph().value(id).name == "w1" { 0.5 } else { 3.0 };
    Constants::load(program, |id, _| Ok(vector(&[value(id)]))).unwrap()
}

fn inputs(program: &Program, x: f64) -> BTreeMap<ValueId, Tensor> {
    [(id(program, "x"), vector(&[x]))].into()
}

#[test]
fn everything_that_is_missing_is_reported_together() {
    let mut sketch = Sketch::new(&["x"], &[]);
    sketch.node("Convolve", &["x"], "a");
    sketch.node("Relu", &["a"], "b");
    sketch.node("Quantize", &["b"], "c");
    sketch.node("Unreachable", &["b"], "d");
    let Err(Error::Program(refusals)) = Program::compile(sketch.finish(&["c"])) else { panic!("it compiles") };
    let text: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(refusals.len(), 2, "{text:?}");
    assert!(
        text[0].starts_with("`Convolve_a`: Convolve: ") && text[1].starts_with("`Quantize_c`: Quantize: "),
        "{text:?}"
    );
}

#[test]
fn a_value_that_depends_on_itself_is_refused() {
    let mut sketch = Sketch::new(&["x"], &[]);
    sketch.node("Add", &["x", "b"], "a");
    sketch.node("Relu", &["a"], "b");
    let error = Program::compile(sketch.finish(&["b"])).unwrap_err().to_string();
    assert!(error.contains("depends on its own output"), "{error}");
}

#[test]
fn values_are_computed_when_asked_for_and_after_changes_only_as_needed() {
    let program = chain();
    let mut trace = program
        .run(&chain_constants(&program), &inputs(&program, 2.0), Options { keep: Keep::All, ..Options::default() })
        .unwrap();
    assert_eq!(trace.computed(), 0);
    assert_eq!(number(&mut trace, id(&program, "b")), 1f64.tanh());
    assert_eq!(trace.computed(), 2, "only what b needs");
    assert_eq!(number(&mut trace, id(&program, "y")), 1f64.tanh() * 3.0 + 1f64.tanh());
    assert_eq!(trace.computed(), 4);
    trace.set(id(&program, "w2"), vector(&[5.0])).unwrap();
    assert_eq!(number(&mut trace, id(&program, "b")), 1f64.tanh());
    assert_eq!(trace.computed(), 4, "b does not depend on w2");
    assert_eq!(number(&mut trace, id(&program, "y")), 1f64.tanh() * 5.0 + 1f64.tanh());
    assert_eq!(trace.computed(), 6);
    trace.update(id(&program, "w1"), |w| w.values_mut::<f64>().unwrap()[0] = 1.0).unwrap();
    assert_eq!(number(&mut trace, id(&program, "y")), 2f64.tanh() * 5.0 + 2f64.tanh());
    assert_eq!(trace.computed(), 10);
}

#[test]
fn what_is_not_kept_is_released_and_computed_again_when_asked_for() {
    let program = chain();
    let mut trace = program.run(&chain_constants(&program), &inputs(&program, 2.0), Options::default()).unwrap();
    let (b, y) = (id(&program, "b"), id(&program, "y"));
    trace.value(y).unwrap();
    assert!(trace.peek(b).is_none() && trace.peek(y).is_some());
    assert_eq!(number(&mut trace, b), 1f64.tanh());
    assert_eq!(trace.computed(), 6);
    let listed = Options { keep: Keep::Listed([b].into()), ..Options::default() };
    let mut trace = program.run(&chain_constants(&program), &inputs(&program, 2.0), listed).unwrap();
    trace.value(y).unwrap();
    assert!(trace.peek(b).is_some() && trace.peek(id(&program, "a")).is_none());
}

#[test]
fn gradients_reach_parameters_inputs_and_activations() {
    let program = chain();
    let names = ["x", "w1", "w2", "b", "a"];
    let options = Options { gradients: names.iter().map(|name| id(&program, name)).collect(), ..Options::default() };
    let mut trace = program.run(&chain_constants(&program), &inputs(&program, 2.0), options).unwrap();
    let gradients = trace.backward(&[(id(&program, "y"), vector(&[1.0]))]).unwrap();
    let (tanh, slope) = (1f64.tanh(), 1.0 - 1f64.tanh() * 1f64.tanh());
    for (name, expected) in [("b", 4.0), ("w2", tanh), ("a", 4.0 * slope), ("w1", 8.0 * slope), ("x", 2.0 * slope)] {
        let own = gradients.get(id(&program, name)).unwrap().to_f64s()[0];
        assert!((own - expected).abs() < 1e-15, "{name}: {own} instead of {expected}");
    }
    assert!(gradients.get(id(&program, "y")).is_none(), "it was not asked for");
    // After a change the gradients are those of the changed run.
    trace.set(id(&program, "x"), vector(&[0.0])).unwrap();
    let gradients = trace.backward(&[(id(&program, "y"), vector(&[2.0]))]).unwrap();
    assert_eq!(gradients.get(id(&program, "x")).unwrap().to_f64s(), [4.0]);
    let wrong = trace.backward(&[(id(&program, "y"), vector(&[1.0, 2.0]))]).unwrap_err().to_string();
    assert!(wrong.contains("the seed is f64[2]") && wrong.contains("f64[1], as the value"), "{wrong}");
}

/// y = if x₀ > 0 { tanh(a)·w } else { a }, with a = 2x outside of the branches.
fn branching() -> Program {
    let mut sketch = Sketch::new(&["x"], &[("two", &[1]), ("w", &[1]), ("zero", &[1]), ("none", &[0])]);
    sketch.node("Mul", &["x", "two"], "a");
    sketch.node("Greater", &["x", "zero"], "positive");
    let choice = sketch.node("If", &["positive"], "y");
    let first = sketch.node("Tanh", &["a"], "t");
    let second = sketch.node("Mul", &["t", "w"], "yes");
    let other = sketch.node("Identity", &["a"], "no");
    let body = |name: &str, nodes: Vec<NodeId>, output: ValueId| Body {
        name: name.to_owned(),
        nodes,
        inputs: vec![],
        outputs: vec![output],
    };
    let (yes, no) = (sketch.value("yes"), sketch.value("no"));
    sketch.graph.nodes[choice.0].bodies =
        vec![body("then_branch", vec![first, second], yes), body("else_branch", vec![other], no)];
    Program::compile(sketch.finish(&["y"])).unwrap()
}

#[test]
fn only_the_branch_that_is_taken_runs_and_gets_gradients() {
    let program = branching();
    let constants = Constants::load(&program, |id, _| {
        let value = match program.graph().value(id).name.as_str() {
            "two" => 2.0,
            "w" => 3.0,
            _ => 0.0,
        };
        Ok(vector(&[value]))
    })
    .unwrap();
    let (x, y, w) = (id(&program, "x"), id(&program, "y"), id(&program, "w"));
    let options = Options { gradients: [x, w].into(), ..Options::default() };
    let mut trace = program.run(&constants, &inputs(&program, 1.0), options).unwrap();
    assert_eq!(number(&mut trace, y), 3.0 * 2f64.tanh());
    assert_eq!(trace.computed(), 4);
    let gradients = trace.backward(&[(y, vector(&[1.0]))]).unwrap();
    let slope = 1.0 - 2f64.tanh() * 2f64.tanh();
    assert!((gradients.get(x).unwrap().to_f64s()[0] - 6.0 * slope).abs() < 1e-15);
    assert_eq!(gradients.get(w).unwrap().to_f64s(), [2f64.tanh()]);
    trace.set(x, vector(&[-1.0])).unwrap();
    assert_eq!(number(&mut trace, y), -2.0);
    let gradients = trace.backward(&[(y, vector(&[1.0]))]).unwrap();
    assert_eq!(gradients.get(x).unwrap().to_f64s(), [2.0]);
    assert!(gradients.get(w).is_none());
}

#[test]
fn a_run_stays_within_its_memory() {
    let mut sketch = Sketch::new(&["x"], &[]);
    sketch.node("Add", &["x", "x"], "a");
    sketch.node("Mul", &["a", "a"], "y");
    let program = Program::compile(sketch.finish(&["y"])).unwrap();
    let x = BTreeMap::from([(id(&program, "x"), vector(&[1.0; 1000]))]);
    let run = |memory| {
        let options = Options { memory, ..Options::default() };
        program.run(&Constants::default(), &x, options).unwrap().outputs()
    };
    assert!(run(24_000).is_ok());
    let error = run(23_999).unwrap_err().to_string();
    assert!(error.starts_with("`Mul_y`: Mul(f64[1000], f64[1000]): it makes f64[1000]"), "{error}");
}

#[test]
fn what_does_not_fit_is_named() {
    let program = chain();
    let constants = chain_constants(&program);
    let mut trace = program.run(&Constants::default(), &inputs(&program, 1.0), Options::default()).unwrap();
    let error = trace.outputs().unwrap_err().to_string();
    assert!(error.starts_with("`w1`: a value of the graph: its elements were not given"), "{error}");
    let mut trace = program.run(&constants, &BTreeMap::new(), Options::default()).unwrap();
    let error = trace.outputs().unwrap_err().to_string();
    assert!(error.starts_with("`x`: a value of the graph: it was not given"), "{error}");
    let long = BTreeMap::from([(id(&program, "x"), vector(&[1.0, 2.0]))]);
    let mut trace = program.run(&constants, &long, Options::default()).unwrap();
    assert_eq!(trace.outputs().unwrap()[0].shape(), [2]);
    let wrong = trace.set(id(&program, "w1"), vector(&[1.0, 2.0])).map(|()| trace.outputs().map(|_| ()));
    assert!(wrong.is_ok(), "without a declared shape anything that broadcasts fits");
    let error = trace.set(id(&program, "a"), vector(&[1.0])).unwrap_err().to_string();
    assert!(error.contains("a node makes this value"), "{error}");
}

#[test]
fn declared_shapes_bind_but_for_the_batch() {
    let mut sketch = Sketch::new(&["x"], &[]);
    sketch.node("Relu", &["x"], "y");
    let x = sketch.value("x");
    sketch.graph.values[x.0].shape = Some(vec![Some(1), Some(3), None]);
    sketch.graph.values[x.0].dtype = Some(Dtype::F32);
    let program = Program::compile(sketch.finish(&["y"])).unwrap();
    let run = |shape: &[usize], dtype: Dtype| {
        let x = Tensor::zeros(&fanin_engine::Spec::new(dtype, shape)).unwrap();
        program.run(&Constants::default(), &BTreeMap::from([(id(&program, "x"), x)]), Options::default()).map(|_| ())
    };
    assert!(run(&[5, 3, 7], Dtype::F32).is_ok() && run(&[5, 3, 7], Dtype::F64).is_ok());
    let error = run(&[5, 4, 7], Dtype::F32).unwrap_err().to_string();
    assert!(
        error.contains("`x`") && error.contains("f32[5, 4, 7] was given") && error.contains("[1, 3, ?]"),
        "{error}"
    );
    assert!(run(&[3, 7], Dtype::F32).is_err() && run(&[5, 3, 7], Dtype::I64).is_err());
}

#[test]
fn what_is_dropped_depends_on_seed_step_and_node_alone() {
    let mut sketch = Sketch::new(&["x"], &[]);
    sketch.node("Dropout", &["x"], "a");
    sketch.node("Dropout", &["x"], "b");
    let program = Program::compile(sketch.finish(&["a", "b"])).unwrap();
    let x = BTreeMap::from([(id(&program, "x"), vector(&[1.0; 64]))]);
    let run = |seed, step| {
        let options = Options { mode: Mode { seed, step, ..Mode::training() }, ..Options::default() };
        program.run(&Constants::default(), &x, options).unwrap().outputs().unwrap()
    };
    assert_eq!(run(1, 1), run(1, 1));
    assert_ne!(run(1, 1)[0], run(1, 1)[1]);
    assert_ne!(run(1, 1)[0], run(1, 2)[0]);
    assert_ne!(run(1, 1)[0], run(2, 1)[0]);
}

/// A node with a body: `steps` are (operator, inputs, output), `formal` and `made` the body's inputs and outputs.
fn repeated(
    sketch: &mut Sketch,
    op: &str,
    [inputs, outputs]: [&[&str]; 2],
    steps: &[(&str, &[&str], &str)],
    [formal, made]: [&[&str]; 2],
) {
    let own = sketch.node(op, inputs, outputs[0]);
    let nodes = steps.iter().map(|(op, inputs, output)| sketch.node(op, inputs, output)).collect();
    let mut ids = |names: &[&str]| names.iter().map(|name| sketch.value(name)).collect::<Vec<_>>();
    let body = Body { name: "body".into(), nodes, inputs: ids(formal), outputs: ids(made) };
    let outputs = ids(outputs).into_iter().map(Some).collect();
    let node = &mut sketch.graph.nodes[own.0];
    (node.bodies, node.outputs) = (vec![body], outputs);
}

#[test]
fn gradients_go_back_through_the_rounds_of_a_loop() {
    // Three times s = s·w, from s = x; all of them are put together.
    let mut sketch = Sketch::new(&["x", "m"], &[("w", &[1])]);
    let steps: [(&str, &[&str], &str); 3] =
        [("Identity", &["c"], "go"), ("Mul", &["s", "w"], "next"), ("Identity", &["next"], "slice")];
    let body: [&[&str]; 2] = [&["i", "c", "s"], &["go", "next", "slice"]];
    repeated(&mut sketch, "Loop", [&["m", "m", "x"], &["y", "all"]], &steps, body);
    sketch.graph.nodes[0].inputs[1] = None;
    let program = Program::compile(sketch.finish(&["y", "all"])).unwrap();
    let constants = Constants::load(&program, |_, _| Ok(vector(&[3.0]))).unwrap();
    let [x, m, w, y, all] = ["x", "m", "w", "y", "all"].map(|name| id(&program, name));
    let inputs = BTreeMap::from([(x, vector(&[2.0])), (m, Tensor::scalar(3i64))]);
    let options = Options { gradients: [x, w].into(), ..Options::default() };
    let mut trace = program.run(&constants, &inputs, options).unwrap();
    assert_eq!(number(&mut trace, y), 54.0);
    let slices = trace.value(all).unwrap();
    assert_eq!((slices.shape(), slices.to_f64s()), (&[3, 1][..], vec![6.0, 18.0, 54.0]));
    // x·w³ + x·w.
    let seeds = [(y, vector(&[1.0])), (all, Tensor::new(&[3, 1], vec![1.0, 0.0, 0.0]).unwrap())];
    let gradients = trace.backward(&seeds).unwrap();
    assert_eq!(gradients.get(x).unwrap().to_f64s(), [30.0]);
    assert_eq!(gradients.get(w).unwrap().to_f64s(), [56.0]);
    trace.set(m, Tensor::scalar(0i64)).unwrap();
    assert!(trace.value(y).unwrap_err().to_string().contains("no round ran"), "slices of no rounds have no shape");
}

#[test]
fn gradients_go_back_through_a_scan() {
    // s = w·s + v for each v.
    let mut sketch = Sketch::new(&["x", "vs"], &[("w", &[1])]);
    let steps: [(&str, &[&str], &str); 3] =
        [("Mul", &["s", "w"], "p"), ("Add", &["p", "v"], "next"), ("Identity", &["next"], "slice")];
    repeated(&mut sketch, "Scan", [&["x", "vs"], &["y", "all"]], &steps, [&["s", "v"], &["next", "slice"]]);
    let one = fanin::graph::Attribute::Int(1);
    sketch.graph.nodes[0].attributes.insert("num_scan_inputs".into(), one);
    let program = Program::compile(sketch.finish(&["y", "all"])).unwrap();
    let constants = Constants::load(&program, |_, _| Ok(vector(&[0.5]))).unwrap();
    let [x, vs, w, y, all] = ["x", "vs", "w", "y", "all"].map(|name| id(&program, name));
    let inputs = BTreeMap::from([(x, vector(&[1.0])), (vs, Tensor::new(&[2, 1], vec![2.0, 3.0]).unwrap())]);
    let options = Options { gradients: [x, vs, w].into(), ..Options::default() };
    let mut trace = program.run(&constants, &inputs, options).unwrap();
    assert_eq!(number(&mut trace, y), 4.25);
    let seeds = [(y, vector(&[1.0])), (all, Tensor::new(&[2, 1], vec![10.0, 100.0]).unwrap())];
    let gradients = trace.backward(&seeds).unwrap();
    assert_eq!(gradients.get(w).unwrap().to_f64s(), [313.0]);
    assert_eq!(gradients.get(x).unwrap().to_f64s(), [30.25]);
    assert_eq!(gradients.get(vs).unwrap().to_f64s(), [60.5, 101.0]);
}
