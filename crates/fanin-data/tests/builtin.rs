//! The sets of fanin's own: what they are, to the last bit, and that there is something to learn in each.

use fanin_data::{BUILTIN, Dataset, Task, Values, Wanted, open, statistics, targets};

fn get(spec: &str) -> Dataset {
    open(&spec.parse().unwrap(), None).unwrap_or_else(|e| panic!("{e}"))
}

fn for_model(spec: &str, model: &str) -> Result<Dataset, fanin_data::DataError> {
    let model = fanin_model::open(model).unwrap();
    open(&spec.parse().unwrap(), Some(&Wanted::of(model.graph().unwrap())))
}

/// FNV-1a of all elements: any change of any of them shows.
fn digest(values: &Values) -> u64 {
    let bytes: Vec<u8> = match values {
        Values::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Values::I64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn digests(data: &Dataset) -> (u64, u64) {
    (digest(&data.inputs[0].array.values), digest(&data.targets.values))
}

#[test]
fn digits_is_the_set_of_the_repository() {
    let data = get("digits");
    assert_eq!((data.inputs[0].array.shape.as_slice(), data.rows()), (&[1797, 64][..], 1797));
    let all: Vec<usize> = (0..data.rows()).collect();
    // Of scikit-learn's table, whose elements are 16 times as large: sum 561718, sum of squares 6907012.
    let Values::F32(values) = &data.inputs[0].array.values else { panic!("numbers") };
    assert_eq!(values.iter().map(|v| f64::from(*v) * 16.0).sum::<f64>(), 561_718.0);
    assert_eq!(values.iter().map(|v| f64::from(*v * 16.0).powi(2)).sum::<f64>(), 6_907_012.0);
    assert_eq!(data.task.task, Task::Classification { classes: 10 });
    assert_eq!(targets(&data, &all).counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert_eq!(digests(&data), (15735215412935267151, 11757124259021090145));
    let seen = statistics(&data.inputs[0].array, &all);
    assert_eq!((seen.min, seen.max, seen.constant_features), (0.0, 1.0, 3));
    assert!((seen.mean - 0.305_26).abs() < 1e-5 && (seen.sparsity - 0.489_288).abs() < 1e-5, "{seen:?}");
}

#[test]
fn mnist1d_is_the_published_set() {
    let data = get("mnist1d");
    let all: Vec<usize> = (0..5000).collect();
    assert_eq!((data.train.len(), data.test.len()), (4000, 1000));
    assert_eq!((data.train[3999], data.test[0]), (3999, 4000));
    assert_eq!(targets(&data, &all).counts, [500; 10]);
    // The published rows have mean 0 and standard deviation 1 to 1e-15; here they are rounded to steps of 0.043.
    let seen = statistics(&data.inputs[0].array, &all);
    assert!(seen.mean.abs() < 1e-4 && (seen.std - 1.0).abs() < 2e-4, "{seen:?}");
    assert!((seen.max.max(-seen.min) - 5.479_419).abs() < 1e-5);
    assert_eq!(digests(&data), (14420256765853888677, 3515640036167265157));
}

#[test]
fn synthetic_sets_are_pinned() {
    let mut wrong = Vec::new();
    for (spec, expected) in [
        ("gaussian", (12395625251244616499, 16672290959411810563)),
        ("gaussian#rows=64,classes=3,seed=5", (2247962390836485349, 627871879837412229)),
        ("tokens", (8414418002173979227, 2789195536831209354)),
        ("tokens#order=2,classes=12,length=16,rows=50", (11780524056101133029, 16823403840753895242)),
        ("adding", (5594987486733515417, 9798492299528809570)),
        ("recall", (17153759573159096224, 13082831908863468384)),
        ("copy", (13681480266721333574, 6409912328756514054)),
    ] {
        if digests(&get(spec)) != expected {
            wrong.push((spec, digests(&get(spec))));
        }
        let other = format!("{spec}{}seed=9", if spec.contains('#') { "," } else { "#" });
        assert_ne!(digests(&get(&other)), expected, "{other}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn gaussian_is_standard_normal_and_its_answers_can_be_told() {
    let data = get("gaussian#rows=4000");
    let all: Vec<usize> = (0..4000).collect();
    let seen = statistics(&data.inputs[0].array, &all);
    // 256,000 draws: five standard errors of mean and variance.
    let n: f64 = 256_000.0;
    assert!(seen.mean.abs() < 5.0 / n.sqrt() && (seen.second_moment - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{seen:?}");
    assert!((seen.second_moment - 1.05).abs() > 5.0 * (2.0 / n).sqrt(), "a law 5 % off would show");
    let counts = targets(&data, &all).counts;
    assert!(counts.iter().all(|&n| n > 100), "{counts:?}");
}

#[test]
fn the_language_has_the_entropy_that_is_said() {
    let data = get("tokens#rows=2000,classes=40");
    let (Values::I64(x), Values::I64(y)) = (&data.inputs[0].array.values, &data.targets.values) else {
        panic!("tokens")
    };
    let mut counts = vec![[0f64; 40]; 40];
    for (&x, &y) in x.iter().zip(y) {
        counts[x as usize][y as usize] += 1.0;
    }
    let total = x.len() as f64;
    let conditional: f64 = counts
        .iter()
        .flat_map(|row| {
            let sum: f64 = row.iter().sum();
            row.iter().filter(|n| **n > 0.0).map(move |n| -n / total * (n / sum).ln())
        })
        .sum();
    // ½, ¼, ⅛, ⅛ have 1.75 bits; successors that coincide have less.
    assert!((1.0..=1.75 * std::f64::consts::LN_2 + 1e-3).contains(&conditional), "{conditional}");
    // Each text goes on in the next: targets are the inputs, one on.
    assert!(x.chunks(64).zip(y.chunks(64)).all(|(x, y)| x[1..] == y[..63]));
}

#[test]
fn adding_and_recall_are_what_they_say() {
    let data = get("adding#rows=500,length=21");
    let (Values::F32(x), Values::F32(y)) = (&data.inputs[0].array.values, &data.targets.values) else {
        panic!("numbers")
    };
    for (steps, sum) in x.chunks(42).zip(y) {
        let marked: Vec<usize> = (0..21).filter(|&step| steps[2 * step + 1] == 1.0).collect();
        assert!(marked.len() == 2 && marked[0] < 10 && marked[1] >= 10, "{marked:?}");
        assert_eq!(steps[2 * marked[0]] + steps[2 * marked[1]], *sum);
    }
    let all: Vec<usize> = (0..500).collect();
    let variance = targets(&data, &all).variance[0];
    assert!((variance - 1.0 / 6.0).abs() < 5.0 * (1.0 / 6.0) * (2.0f64 / 500.0).sqrt(), "{variance}");

    let data = get("recall#rows=300,classes=5");
    let (Values::I64(x), Values::I64(y)) = (&data.inputs[0].array.values, &data.targets.values) else {
        panic!("tokens")
    };
    assert!(x.chunks(50).zip(y).all(|(text, label)| text[0] == *label && text[1..].iter().all(|&token| token >= 5)));
}

#[test]
fn copy_says_its_symbols_again() {
    let data = get("copy#rows=50,length=25,classes=4");
    let (Values::I64(x), Values::I64(y)) = (&data.inputs[0].array.values, &data.targets.values) else {
        panic!("tokens")
    };
    assert_eq!(data.task.task, Task::LanguageModel { vocabulary: 6 });
    for (x, y) in x.chunks(25).zip(y.chunks(25)) {
        assert_eq!(x[..10], y[15..]);
        assert!(x[..10].iter().all(|symbol| (0..4).contains(symbol)) && y[..15].iter().all(|&blank| blank == 4));
        assert!(x[10..].iter().enumerate().all(|(at, &token)| token == if at == 5 { 5 } else { 4 }));
    }
}

#[test]
fn the_picture_is_what_stands_between_its_points() {
    let data = for_model("picture#length=24", "siren:2-8x2-3").unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.targets.row_len()), (576, 529, 3));
    let (x, y) = (data.inputs[0].array.to_f32(), data.targets.to_f32());
    assert_eq!((&x[..2], &x[1150..1152]), (&[-1.0, -1.0][..], &[1.0, 1.0][..]));
    assert!(y.iter().all(|v| (-1.0..=1.0).contains(v)));
    assert_eq!(digest(&data.targets.values), 1923150122438328935);
    // The first point between is the middle of the first four; the middle of the picture is as bright as its rings: 0.8.
    assert!((x[1152] - f32::midpoint(x[0], x[48])).abs() < 1e-6);
    let middle = for_model("picture#length=3", "siren:2-8-1").unwrap();
    let disc = 0.5 + 0.5 * (40.0f64 * (0.16 - 0.35 * 0.35 - 0.3 * 0.3)).tanh();
    assert!((f64::from(middle.targets.to_f32()[4]) - (0.8 + disc * 0.1)).abs() < 1e-6);
}

#[test]
fn sets_are_made_for_the_model_and_fitted_to_it() {
    for (spec, model, shape, target, task) in [
        ("digits", "mlp:64-32-10", &[1797, 64][..], &[1797][..], Task::Classification { classes: 10 }),
        ("digits", "cnn:1x8x8-4c3-gap-10", &[1797, 1, 8, 8], &[1797], Task::Classification { classes: 10 }),
        ("digits", "mlp:64-32-16", &[1797, 64], &[1797], Task::Classification { classes: 16 }),
        ("digits#target=input", "autoencoder:64-8", &[1797, 64], &[1797, 64], Task::Regression { outputs: 64 }),
        ("mnist1d", "lstm:1-8-10,steps=40", &[5000, 40, 1], &[5000], Task::Classification { classes: 10 }),
        ("gaussian#rows=8", "mlp:8-10-1:relu:sigmoid", &[8, 8], &[8], Task::Binary),
        ("gaussian#rows=8", "mlp:8-10-1", &[8, 8], &[8, 1], Task::Regression { outputs: 1 }),
        ("gaussian#rows=4", "resnet:8@3x16x16-10", &[4, 3, 16, 16], &[4], Task::Classification { classes: 10 }),
        ("gaussian#rows=4", "unet:1x16x16-2", &[4, 1, 16, 16], &[4, 2, 16, 16], Task::Regression { outputs: 512 }),
        ("gaussian#rows=4", "gpt:", &[4, 64], &[4, 64], Task::LanguageModel { vocabulary: 65 }),
        ("tokens#rows=4", "gpt:vocab=20,context=8", &[4, 8], &[4, 8], Task::LanguageModel { vocabulary: 20 }),
        ("tokens#rows=40", "bert:classes=3,layers=1", &[40, 64], &[40], Task::Classification { classes: 3 }),
        ("adding#rows=4", "rnn:2-8-1", &[4, 28, 2], &[4, 1], Task::Regression { outputs: 1 }),
        ("recall#rows=40", "lstm:6-8-4", &[40, 28, 6], &[40], Task::Classification { classes: 4 }),
        ("recall#rows=40", "lstm:6-8-4,vocab=9", &[40, 28], &[40], Task::Classification { classes: 4 }),
        (
            "copy#rows=40",
            "lstm:6-8-9,vocab=9,steps=30,read=all",
            &[40, 30],
            &[40, 30],
            Task::LanguageModel { vocabulary: 9 },
        ),
        ("picture#length=4", "mlp:2-8-1", &[25, 2], &[25, 1], Task::Regression { outputs: 1 }),
    ] {
        let data = for_model(spec, model).unwrap_or_else(|e| panic!("{spec} for {model}: {e}"));
        assert_eq!(data.inputs[0].array.shape, shape, "{spec} for {model}");
        assert_eq!((data.targets.shape.as_slice(), data.task.task), (target, task), "{spec} for {model}");
    }
}

#[test]
fn sets_that_do_not_fit_are_refused() {
    for (spec, model, expected) in [
        ("digits", "mlp:63-10", "digits: input `input`: rows have the shape 64 (64 elements); expected rows of 63"),
        (
            "digits",
            "mlp:64-9",
            "digits: row 10, target: the label is 9, and 179 more are out of range; expected whole numbers from 0 to 8",
        ),
        ("digits", "mlp:64-1", "the task is classification with 10 outputs, and the model gives 1"),
        (
            "digits",
            "gpt:context=64,vocab=17",
            "the values are not whole numbers; expected whole numbers for the model's input `tokens`",
        ),
        ("tokens#classes=70", "gpt:", "expected 0 to 64, the rows of the model's table"),
        ("adding", "mlp:64-1", "rows have the shape 64x2"),
        ("recall#classes=20", "lstm:6-8-20", "20 symbols of 6 tokens are asked for"),
        ("copy", "lstm:6-8-9,vocab=9,steps=20,read=all", "2000 rows of 20 steps with 7 symbols"),
        ("picture", "mlp:2-8-9", "9 colours"),
    ] {
        let shown = for_model(spec, model).unwrap_err().to_string();
        assert!(shown.contains(expected), "{spec} for {model}: {shown}");
    }
}

#[test]
fn what_is_known_without_the_inputs() {
    let data = get("digits");
    let all: Vec<usize> = (0..data.rows()).collect();
    let seen = targets(&data, &all);
    assert!((seen.blind_loss - 10f64.ln()).abs() < 1e-12);
    assert!(seen.uninformed_loss < seen.blind_loss && seen.uninformed_loss > seen.blind_loss - 1e-3);
}

#[test]
fn every_set_says_where_it_comes_from() {
    for builtin in BUILTIN {
        assert!(builtin.about.len() > 30, "{}", builtin.name);
    }
    assert!(get("digits").about.contains("CC BY 4.0"));
}

#[test]
fn a_missing_package_is_named() {
    let spec = "fashion-mnist".parse().unwrap();
    match open(&spec, None) {
        Ok(data) => {
            assert_eq!((data.rows(), data.train.len()), (70_000, 60_000));
            let seen = statistics(&data.inputs[0].array, &data.train);
            // The figures that are published for the training rows.
            assert!((seen.mean - 0.2860).abs() < 1e-4 && (seen.std - 0.3530).abs() < 1e-4, "{seen:?}");
            assert_eq!(targets(&data, &data.train).counts, [6000; 10]);
        }
        Err(error) => assert!(error.to_string().contains("apt-get install dataset-fashion-mnist"), "{error}"),
    }
}
