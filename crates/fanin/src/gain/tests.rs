//! The gains against figures of 40 digits (`testdata/gain/make.py`).

use super::*;

struct Line {
    activation: Activation,
    parameter: f64,
    q: f64,
    /// E f, E f², E f′², E z² f².
    figures: [f64; 4],
}

fn table() -> Vec<Line> {
    let text = include_str!("../../../../testdata/gain/moments.csv");
    let number = |field: &str| field.parse::<f64>().unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            Line {
                activation: *Activation::ALL.iter().find(|a| a.name() == fields[0]).unwrap(),
                parameter: number(fields[1]),
                q: number(fields[2]),
                figures: std::array::from_fn(|i| number(fields[3 + i])),
            }
        })
        .collect()
}

fn figures(m: Moments) -> [f64; 4] {
    [m.mean, m.second, m.derivative, m.weighed]
}

#[test]
fn moments_are_those_of_the_table() {
    for line in table() {
        let got = figures(Moments::of(line.activation, line.parameter, line.q));
        for (got, expected) in got.iter().zip(line.figures) {
            let off = (got - expected).abs() / line.figures[1].max(expected.abs());
            assert!(off < 2e-15, "{} {} {}: {got} {expected} {off:e}", line.activation, line.parameter, line.q);
        }
    }
}

#[test]
fn every_activation_is_in_the_table_with_its_default() {
    let table = table();
    for &activation in Activation::ALL.iter().filter(|a| **a != Activation::Softmax) {
        let own = |line: &&Line| line.activation == activation && line.q == 1.0;
        let default = |line: &Line| line.parameter == activation.default_parameter();
        assert!(table.iter().filter(own).any(default), "{activation}");
        assert!(
            !activation.is_parametric() || table.iter().filter(own).count() > 1,
            "{activation} needs another parameter"
        );
    }
}

#[test]
fn closed_forms_are_what_the_integral_gives() {
    use Activation as A;
    for (activation, parameter) in
        [(A::Relu, 0.0), (A::LeakyRelu, 0.3), (A::Selu, 0.0), (A::SquaredRelu, 0.0), (A::Abs, 0.0)]
    {
        // At a variance that is not exactly 1 the integral is not replaced; both moments grow with q as a power of it.
        let (q, power) = (1.0f64.next_up(), if activation == A::SquaredRelu { 2 } else { 1 });
        let integral = Moments::of(activation, parameter, q).second / q.powi(power);
        assert!((integral / activation.second_moment(parameter) - 1.0).abs() < 2e-15, "{activation}: {integral}");
    }
}

#[test]
fn derivatives_are_those_of_the_functions() {
    for &activation in Activation::ALL {
        for parameter in [activation.default_parameter(), activation.default_parameter() * 1.75] {
            let kinks = function::kinks(activation, parameter);
            for x in [-7.3, -2.1, -0.7, -0.2, 0.15, 0.9, 2.6, 8.4] {
                let h = 1e-5;
                if kinks.iter().any(|k| (k - x).abs() < 2.0 * h) {
                    continue;
                }
                let f = |x| function::value(activation, parameter, x).0;
                let (slope, difference) =
                    (function::value(activation, parameter, x).1, (f(x + h) - f(x - h)) / (2.0 * h));
                assert!(
                    (slope - difference).abs() < 1e-8 * (1.0 + f(x).abs()),
                    "{activation} at {x}: {slope} {difference}"
                );
            }
        }
    }
}

#[test]
fn gains_are_those_of_the_literature() {
    // Klambauer 2017: SELU's fixed point; NFNets' variance gains (arXiv:2101.08692), which are Monte-Carlo figures.
    let m = |a: Activation| a.moments(a.default_parameter());
    assert!(m(Activation::Selu).mean.abs() < 1e-15 && m(Activation::Selu).gain() == 1.0);
    for (activation, gain) in [
        (Activation::Relu, 1.713_958_859_4),
        (Activation::Gelu, 1.701_504_349_7),
        (Activation::Silu, 1.788_129_329_7),
        (Activation::Tanh, 1.593_911_767),
        (Activation::Sigmoid, 4.803_8),
        (Activation::Softplus, 1.920_33),
        (Activation::Softsign, 2.338_85),
    ] {
        assert!((m(activation).variance_gain() / gain - 1.0).abs() < 2e-3, "{activation}");
    }
    assert_eq!(Activation::Relu.gain(0.0), std::f64::consts::SQRT_2);
    assert_eq!(Activation::LeakyRelu.gain(0.5), (2.0f64 / 1.25).sqrt());
    let relu = m(Activation::Relu);
    assert!((relu.stability() - 1.0).abs() < 1e-14 && (relu.gradient_growth() - 1.0).abs() < 1e-14);
    assert!((relu.backward_gain() / relu.gain() - 1.0).abs() < 1e-14);
}

#[test]
fn parameters_without_a_function_are_refused() {
    use Activation as A;
    for (activation, parameter) in
        [(A::Softplus, 0.0), (A::Celu, -1.0), (A::HardShrink, -0.5), (A::Elu, f64::NAN), (A::Silu, f64::INFINITY)]
    {
        assert!(activation.check(parameter).is_err(), "{activation} {parameter}");
    }
    assert!(A::LeakyRelu.check(-1.0).is_ok() && A::Elu.check(0.0).is_ok() && A::Tanh.check(7.0).is_ok());
}

#[test]
fn narrow_and_wide_features_are_resolved() {
    // ReLU is the limit of both; the differences are bounds from the functions' own distance from it.
    let sharp = Activation::Softplus.moments(1e4).second;
    assert!((sharp - 0.5).abs() < 1e-4 && (Activation::Silu.moments(1e4).second - 0.5).abs() < 1e-4);
    assert!((Activation::Elu.moments(0.0).second - 0.5).abs() < 1e-15);
    assert!((Activation::HardShrink.moments(0.0).second - 1.0).abs() < 1e-15);
}

/// Gains as a survey of the frameworks printed them, found by another quadrature: each figure to its last digit.
#[test]
fn gains_are_those_of_the_survey_to_its_digits() {
    let text = include_str!("../../../../testdata/gain/gains.csv");
    let mut lines = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (activation, _) = Activation::named(fields[0]).unwrap();
        let m = activation.moments(fields[1].parse().unwrap());
        // The slope of a jump is not a number; the survey left its boundary out of the stability, too.
        let jump = activation == Activation::HardShrink;
        let stability = if jump { 1.0 } else { m.stability() };
        let got = [m.gain(), m.backward_gain(), m.variance_gain(), m.mean, m.gradient_growth(), stability];
        for (value, printed) in got.iter().zip(&fields[2..]) {
            let decimals = printed.split_once('.').map_or(6, |(_, digits)| digits.len()) as i32;
            let expected: f64 = printed.parse().unwrap();
            assert!((value - expected).abs() <= 0.500_001 * 10f64.powi(-decimals), "{line}: {value} {printed}");
        }
        lines += 1;
    }
    assert_eq!(lines, 40);
}
