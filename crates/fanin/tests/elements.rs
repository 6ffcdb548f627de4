//! Elements that are no real numbers: integer tables and complex weights.

use fanin::generate::Filler;
use fanin::plan::{Laws, Options, plan};
use fanin::recipe::Rule;
use fanin::{Axes, Axis, Call, Dtype, Param, Recipe, Region, Role};

fn param(shape: &[u64], dtype: Dtype, axes: Axes) -> Param {
    Param::new("table", shape, dtype, Role::Weight, axes)
}

fn bytes(call: &str, param: &Param) -> Result<Vec<u8>, fanin::Refusal> {
    let laws = Laws::of(param, &call.parse::<Call>()?)?;
    let mut out = vec![0xee; Region::All.len(&param.shape) as usize * param.dtype.size().unwrap()];
    Filler::new(&laws, 0, "table", param.dtype)?.fill(&Region::All, &mut out)?;
    Ok(out)
}

#[test]
fn tables_of_whole_numbers_are_written_as_integers() {
    let ids = bytes("position_ids(start=2)", &param(&[1, 3], Dtype::I64, Axes::linear())).unwrap();
    assert_eq!(ids, [2i64, 3, 4].map(i64::to_le_bytes).concat());
    let mask = bytes("causal_mask", &param(&[1, 1, 2, 2], Dtype::Bool, Axes::conv(2, 1))).unwrap();
    assert_eq!(mask, [1, 0, 1, 1]);
    let index = bytes("relative_position_index", &param(&[4, 4], Dtype::I32, Axes::linear())).unwrap();
    let index: Vec<i32> = index.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
    assert_eq!(index, [4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4]);
    assert_eq!(bytes("constant(value=-3)", &param(&[2, 1], Dtype::I8, Axes::linear())).unwrap(), [253, 253]);
}

#[test]
fn what_integers_do_not_hold_is_refused_when_it_is_planned() {
    for (call, dtype) in [
        ("he", Dtype::I64),
        ("constant(value=0.5)", Dtype::I32),
        ("position_ids", Dtype::Bool),
        ("constant(value=-1)", Dtype::U8),
        ("alibi_slopes", Dtype::I64),
    ] {
        let param = param(&[4, 4], dtype, Axes::linear());
        assert!(bytes(call, &param).is_err(), "{call} {dtype}");
        let sets = vec![Rule::set(&format!("table={call}")).unwrap()];
        let options = Options { sets, ..Options::default() };
        let problem = plan(&[param], &Recipe::named("he").unwrap(), &options).unwrap_err().to_string();
        assert!(problem.contains(dtype.name()), "{problem}");
    }
}

#[test]
fn a_region_of_a_table_has_the_bytes_of_the_whole() {
    let param = param(&[50, 7], Dtype::I16, Axes::of(&[Axis::Out, Axis::In]));
    let whole = bytes("position_ids(start=-3)", &param).unwrap();
    let laws = Laws::of(&param, &"position_ids(start=-3)".parse().unwrap()).unwrap();
    let mut part = vec![0; 2 * 30];
    Filler::new(&laws, 0, "table", Dtype::I16).unwrap().fill(&Region::Flat(11..41), &mut part).unwrap();
    assert_eq!(part, whole[22..82]);
}

#[test]
fn real_laws_are_refused_for_complex_elements_and_constants_are_real() {
    let weight = param(&[4, 4], Dtype::C64, Axes::linear());
    let refusal = bytes("truncated(std=1)", &weight).unwrap_err().to_string();
    assert!(refusal.contains("c64") && refusal.contains("`complex`"), "{refusal}");
    let ones = bytes("ones", &param(&[2, 1], Dtype::C128, Axes::linear())).unwrap();
    assert_eq!(ones, [1f64, 0.0, 1.0, 0.0].map(f64::to_le_bytes).concat());
}
