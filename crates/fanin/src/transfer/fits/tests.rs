use super::super::Head;
use super::*;
use crate::dtype::Dtype;
use crate::fit::{Array, Take, Taken};
use crate::known::Known;
use crate::site::Site;

fn param(name: &str, shape: &[u64], role: Role, axes: Axes) -> Param {
    Param::new(name, shape, Dtype::F32, role, axes)
}

fn fitted(source: &Param, target: &Param, options: &Options) -> Fit {
    let params = [source.clone()];
    fit(source, target, &Source { file: "f", params: &params, ordered: true }, options, None)
}

/// The steps, checked to give the target's shape, and what they make of 0, 1, 2 …
fn made(source: &Param, target: &Param, options: &Options) -> Array {
    let Fit::Steps { steps, .. } = fitted(source, target, options) else {
        panic!("{:?}", fitted(source, target, options))
    };
    let tensor = Taken { name: "w".into(), shape: source.shape.clone(), dtype: Dtype::F32, digest: String::new() };
    let take = Take { file: "f".into(), tensors: vec![tensor], steps, rest: None, noise: None };
    assert_eq!(take.shape().unwrap(), target.shape);
    let count = source.count().unwrap();
    take.apply(vec![Array::new(&source.shape, (0..count).map(|i| i as f64).collect()).unwrap()]).unwrap()
}

#[test]
fn heads_are_drawn_unless_their_rows_are_wanted() {
    let mut source = param("head.weight", &[5, 2], Role::Weight, Axes::linear());
    let mut target = param("head.weight", &[7, 2], Role::Weight, Axes::linear());
    for head in [&mut source, &mut target] {
        head.place.sites = Some(Known::user(vec![Site::Head]));
    }
    let drawn = fitted(&source, &target, &Options::default());
    assert!(matches!(&drawn, Fit::Draw(why) if why.contains("the head has 7 outputs, 5 in the source")), "{drawn:?}");
    let rows = Options { head: Head::Rows, ..Options::default() };
    let array = made(&source, &target, &rows);
    assert_eq!((array.values()[9], array.is_given(9), array.is_given(10)), (9.0, true, false));
    target.shape = vec![3, 2];
    assert_eq!(made(&source, &target, &rows).values(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn first_convolutions_take_other_channels() {
    let source = param("stem.weight", &[2, 3, 1, 1], Role::Weight, Axes::conv(2, 1));
    let mut target = param("stem.weight", &[2, 1, 1, 1], Role::Weight, Axes::conv(2, 1));
    assert!(
        matches!(fitted(&source, &target, &Options::default()), Fit::Steps { what, .. } if what.contains("selected"))
    );
    target.place.first = true;
    assert_eq!(made(&source, &target, &Options::default()).values(), [3.0, 12.0]);
    target.shape = vec![2, 6, 1, 1];
    assert_eq!(made(&source, &target, &Options::default()).values()[..6], [0.0, 0.5, 1.0, 0.0, 0.5, 1.0]);
}

#[test]
fn pictures_become_films() {
    let source = param("w", &[1, 1, 2, 2], Role::Weight, Axes::conv(2, 1));
    let target = param("w", &[1, 1, 4, 2, 2], Role::Weight, Axes::conv(3, 1));
    let array = made(&source, &target, &Options::default());
    assert_eq!(array.values()[..5], [0.0, 0.25, 0.5, 0.75, 0.0]);
}

#[test]
fn tables_of_positions_follow_their_grid() {
    let table = |n| param("pos_embed", &[1, n, 1], Role::Position, Axes::of(&[Axis::Stack, Axis::In, Axis::Out]));
    let what = |from, to| match fitted(&table(from), &table(to), &Options::default()) {
        Fit::Steps { what, rest, .. } => format!("{what} {rest}"),
        Fit::Draw(why) => why,
    };
    assert_eq!(what(197, 577), "positions of a 14×14 grid interpolated to 24×24 false");
    assert_eq!(what(196, 64), "positions of a 14×14 grid interpolated to 8×8 false");
    assert_eq!(what(512, 128), "the first 128 of 512 positions false");
    assert_eq!(what(512, 600), "512 positions, 88 drawn true");
    // Beside a table of symbols, places in a text are no grid; those of pictures in the same file are one.
    let both = |own: &str, symbols: &str, from, to| {
        let param = |name: &str, n, role| param(name, &[n, 2], role, Axes::of(&[Axis::In, Axis::Out]));
        let params = [param(own, from, Role::Position), param(symbols, 99, Role::Embedding)];
        let source = Source { file: "f", params: &params, ordered: true };
        match fit(&params[0], &param(own, to, Role::Position), &source, &Options::default(), None) {
            Fit::Steps { what, .. } => what,
            Fit::Draw(why) => why,
        }
    };
    assert_eq!(both("wpe.weight", "wte.weight", 1024, 4096), "1024 positions, 3072 drawn");
    assert_eq!(both("t.emb.position.weight", "t.emb.word.weight", 256, 64), "the first 64 of 256 positions");
    assert!(both("visual.pos_embed", "text.token_embedding.weight", 50, 82).contains("a 7×7 grid"));
    let array = made(&table(5), &table(17), &Options::default());
    assert_eq!(array.values()[0], 0.0);
    // A grid whose rows are 1 2 and 3 4 stays symmetric about its middle.
    assert!((array.values()[1] + array.values()[16] - 5.0).abs() < 1e-12);
    let wider = param("pos_embed", &[1, 5, 2], Role::Position, Axes::of(&[Axis::Stack, Axis::In, Axis::Out]));
    let net2net = Options { wider: Wider::Net2net, ..Options::default() };
    assert_eq!(made(&table(5), &wider, &net2net).values()[..4], [0.0, 0.0, 1.0, 1.0]);
    let relative = |n| param("layers.0.attn.relative_position_bias_table", &[n, 3], Role::Weight, Axes::matmul());
    assert_eq!(made(&relative(49), &relative(169), &Options::default()).shape(), [169, 3]);
}

#[test]
fn new_symbols_begin_as_the_mean() {
    let table = |n| param("wte", &[n, 2], Role::Embedding, Axes::matmul());
    assert_eq!(made(&table(2), &table(4), &Options::default()).values()[4..], [1.0, 2.0, 1.0, 2.0]);
    let fewer = fitted(&table(4), &table(2), &Options::default());
    assert!(matches!(fewer, Fit::Draw(why) if why.contains("which of them is not known")));
}

#[test]
fn smaller_networks_select_and_larger_ones_repeat() {
    let weight = |shape: &[u64]| param("w", shape, Role::Weight, Axes::linear());
    assert_eq!(made(&weight(&[4, 4]), &weight(&[2, 2]), &Options::default()).values(), [0.0, 2.0, 8.0, 10.0]);
    let drawn = fitted(&weight(&[2, 2]), &weight(&[4, 4]), &Options::default());
    assert!(matches!(drawn, Fit::Draw(why) if why.contains("wider=net2net")));
    let net2net = Options { wider: Wider::Net2net, ..Options::default() };
    // Outputs are copies, inputs share what they had.
    assert_eq!(made(&weight(&[1, 2]), &weight(&[2, 4]), &net2net).values(), [0.0, 0.5, 0.0, 0.5, 0.0, 0.5, 0.0, 0.5]);
    let pad = Options { wider: Wider::Pad, ..Options::default() };
    let padded = made(&weight(&[1, 2]), &weight(&[2, 2]), &pad);
    assert_eq!([1, 2].map(|i| padded.is_given(i)), [true, false]);
}
