//! The elementary functions against tables made with 60 digits (`testdata/quantile/make.py`).

use fanin::numerics;

/// How far `got` is from `want`, in units in the last place of `want`.
fn ulps(got: f64, want: f64) -> f64 {
    if got == want {
        return 0.0;
    }
    let ulp = (want.abs().next_up() - want.abs()).max(f64::from_bits(1));
    ((got - want) / ulp).abs()
}

fn check(name: &str, table: &str, allowed: f64, f: impl Fn(&[f64]) -> f64) {
    let mut worst = (0.0, String::new());
    for line in table.lines() {
        let numbers: Vec<f64> = line.split(',').map(|text| text.parse().unwrap()).collect();
        let (want, arguments) = numbers.split_last().unwrap();
        let off = ulps(f(arguments), *want);
        if off > worst.0 || off.is_nan() {
            worst = (off, format!("{line} got {:e}", f(arguments)));
        }
    }
    assert!(table.lines().count() >= 100, "{name}: the table is there");
    assert!(worst.0 <= allowed, "{name}: {} ulp at {}", worst.0, worst.1);
}

macro_rules! table {
    ($name:ident, $allowed:expr) => {
        #[test]
        fn $name() {
            let table = include_str!(concat!("../../../testdata/quantile/", stringify!($name), ".csv"));
            check(stringify!($name), table, $allowed, |x| numerics::$name(x[0]));
        }
    };
}

table!(atan, 1.0);
table!(exp, 1.0);
table!(exp_m1, 2.0);
table!(ln, 1.0);
table!(ln_1p, 1.0);
table!(tanh, 4.0);
table!(sin_pi, 1.0);
table!(cos_pi, 1.0);
table!(erf, 2.0);
table!(erfc, 3.0);
table!(erfcx, 3.0);
table!(normal_cdf, 4.0);
table!(normal_quantile, 4.0);

#[test]
fn powf() {
    check("powf", include_str!("../../../testdata/quantile/powf.csv"), 2.0, |x| numerics::powf(x[0], x[1]));
}

#[test]
fn upper_tails_mirror_lower_tails() {
    for x in [0.0, 0.3, 1.0, 5.0, 20.0] {
        assert_eq!(numerics::normal_tail(x), numerics::normal_cdf(-x));
    }
    for p in [1e-300, 1e-9, 0.01, 0.3, 0.5] {
        assert_eq!(numerics::normal_quantile_upper(p), -numerics::normal_quantile(p));
    }
}

#[test]
fn special_values() {
    use numerics::{erf, erfc, exp, exp_m1, ln, ln_1p, normal_cdf, normal_quantile, powf, tanh};
    let inf = f64::INFINITY;
    assert_eq!((exp(0.0), exp(inf), exp(-inf), exp(710.0), exp(-746.0)), (1.0, inf, 0.0, inf, 0.0));
    assert_eq!((ln(1.0), ln(0.0), ln(inf)), (0.0, -inf, inf));
    assert_eq!((exp_m1(0.0), exp_m1(-inf), ln_1p(0.0), ln_1p(-1.0), ln_1p(inf)), (0.0, -1.0, 0.0, -inf, inf));
    assert_eq!((tanh(0.0), tanh(inf), tanh(-50.0)), (0.0, 1.0, -1.0));
    assert_eq!((erf(0.0), erf(inf), erf(-inf), erfc(inf), erfc(-inf)), (0.0, 1.0, -1.0, 0.0, 2.0));
    assert_eq!((normal_cdf(0.0), normal_cdf(inf), normal_cdf(-inf)), (0.5, 1.0, 0.0));
    assert_eq!((normal_quantile(0.5), normal_quantile(0.0), normal_quantile(1.0)), (0.0, -inf, inf));
    assert_eq!((powf(2.0, 10.0), powf(-2.0, 3.0), powf(-2.0, 2.0), powf(9.0, 0.5)), (1024.0, -8.0, 4.0, 3.0));
    assert_eq!(
        (powf(0.0, 2.0), powf(0.0, -1.0), powf(inf, -1.0), powf(0.5, inf), powf(2.0, inf)),
        (0.0, inf, 0.0, 0.0, inf)
    );
    assert_eq!((powf(10.0, 400.0), powf(10.0, -400.0), powf(-10.0, 401.0)), (inf, 0.0, -inf));
    for nan in [exp(f64::NAN), ln(-1.0), ln_1p(-2.0), powf(-1.0, 0.5), normal_quantile(1.5), normal_quantile(f64::NAN)]
    {
        assert!(nan.is_nan());
    }
    // Subnormals, on both sides.
    assert_eq!(exp(-740.0), f64::from_bits(0x55), "4.2e-322");
    assert!((ln(f64::from_bits(1)) + 744.4400719213812).abs() < 1e-12);
}
