//! Activation functions.

#[cfg(test)]
use super::unary::points;
use super::unary::{Function, Pointwise, function};
use crate::element::Float;
use crate::operator::Reads;
use crate::setup::Setup;
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;

/// The functions themselves; the operators of the same names are made of them.
mod functions {
    #[derive(Debug)]
    pub(crate) struct Relu;
    #[derive(Debug)]
    pub(crate) struct Sigmoid;
    #[derive(Debug)]
    pub(crate) struct HardSwish;
    #[derive(Debug)]
    pub(crate) struct Tanh;
    #[derive(Debug)]
    pub(crate) struct Softplus;
    #[derive(Debug)]
    pub(crate) struct Softsign;
    #[derive(Debug)]
    pub(crate) struct Mish;
}

/// σ(x) without overflow.
pub(super) fn sigmoid<T: Float>(x: T) -> T {
    let small = (-x.magnitude()).exp();
    let numerator = if x >= T::ZERO { T::ONE } else { small };
    // A NaN is in `small`.
    numerator / (T::ONE + small)
}

/// ln(1 + eˣ) without overflow.
fn softplus<T: Float>(x: T) -> T {
    x.largest(T::ZERO) + (-x.magnitude()).exp().through(f64::ln_1p)
}

// The slope at 0 is 0, as in PyTorch: a unit that is off gets no gradient.
function!(Relu, OUTPUTS, x => x.largest(T::ZERO), (_x, y) => if y > T::ZERO { T::ONE } else { T::ZERO }, [(-1.0, 0.0), (2.0, 2.0)], integer x => x.max(0));
function!(Sigmoid, OUTPUTS, x => sigmoid(x), (_x, y) => y * (T::ONE - y), [(0.0, 0.5), (2.0, 0.8807970779778823), (-2.0, 0.11920292202211756), (-800.0, 0.0)]);
function!(HardSwish, INPUTS, x => x * hard_gate(x), (x, _y) => {
    if x <= T::from_f64(-3.0) {
        T::ZERO
    } else if x >= T::from_f64(3.0) {
        T::ONE
    } else {
        x / T::from_f64(3.0) + T::from_f64(0.5)
    }
}, [(-4.0, 0.0), (4.0, 4.0), (1.5, 1.125)], since 14);
function!(Tanh, OUTPUTS, x => x.tanh(), (_x, y) => T::ONE - y * y, [(0.0, 0.0), (1.0, 0.7615941559557649)]);
function!(Softplus, INPUTS, x => softplus(x), (x, _y) => sigmoid(x), [(0.0, std::f64::consts::LN_2), (1000.0, 1000.0), (-1.0, 0.31326168751822286)]);
function!(Softsign, INPUTS, x => x / (T::ONE + x.magnitude()), (x, _y) => {
    let below = T::ONE + x.magnitude();
    T::ONE / (below * below)
}, [(1.0, 0.5), (-3.0, -0.75)]);
function!(Mish, INPUTS, x => x * softplus(x).tanh(), (x, _y) => {
    let gate = softplus(x).tanh();
    gate + x * sigmoid(x) * (T::ONE - gate * gate)
}, [(1.0, 0.8650983882673103), (0.0, 0.0)], since 18);

/// (x/6 + 1/2) between 0 and 1.
fn hard_gate<T: Float>(x: T) -> T {
    (x / T::from_f64(6.0) + T::from_f64(0.5)).largest(T::ZERO).smallest(T::ONE)
}

/// The operators with attributes.
macro_rules! operators {
    ($($name:ident: $function:ident;)*) => {
        $(pub(crate) type $name = Pointwise<$function>;)*
    };
}

operators! {
    LeakyRelu: LeakyReluOf;
    Elu: EluOf;
    Selu: SeluOf;
    Celu: CeluOf;
    HardSigmoid: HardSigmoidOf;
    ThresholdedRelu: ThresholdedReluOf;
    Gelu: GeluOf;
    Swish: SwishOf;
    Shrink: ShrinkOf;
}

/// x, or αx below 0.
#[derive(Debug)]
pub(crate) struct LeakyReluOf {
    alpha: f64,
}

impl Function for LeakyReluOf {
    const NAME: &'static str = "LeakyRelu";
    const READS: Reads = Reads::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(LeakyReluOf { alpha: setup.float("alpha", 0.01)? })
    }

    fn value<T: Float>(&self, x: T) -> T {
        if x < T::ZERO { x * T::from_f64(self.alpha) } else { x }
    }

    // At 0 the slope is α, as in PyTorch.
    fn slope<T: Float>(&self, x: T, _: T) -> T {
        if x > T::ZERO { T::ONE } else { T::from_f64(self.alpha) }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![
            points("points", &[(-2.0, -0.02), (3.0, 3.0)]),
            points("steeper", &[(-2.0, -0.5), (3.0, 3.0)]).float("alpha", 0.25),
        ]
    }
}

/// x, or α(eˣ − 1) below 0.
#[derive(Debug)]
pub(crate) struct EluOf {
    alpha: f64,
}

impl Function for EluOf {
    const NAME: &'static str = "Elu";
    const READS: Reads = Reads::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(EluOf { alpha: setup.float("alpha", 1.0)? })
    }

    fn value<T: Float>(&self, x: T) -> T {
        if x < T::ZERO { T::from_f64(self.alpha) * x.through(f64::exp_m1) } else { x }
    }

    fn slope<T: Float>(&self, x: T, _: T) -> T {
        if x < T::ZERO { T::from_f64(self.alpha) * x.exp() } else { T::ONE }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![
            points("points", &[(-1.0, -0.6321205588285577), (2.0, 2.0)]),
            points("steeper", &[(-1.0, -1.2642411176571153)]).float("alpha", 2.0),
        ]
    }
}

/// γx, or γα(eˣ − 1) below 0.
#[derive(Debug)]
pub(crate) struct SeluOf {
    alpha: f64,
    gamma: f64,
}

impl Function for SeluOf {
    const NAME: &'static str = "Selu";
    const READS: Reads = Reads::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        // Defaults of the specification: Klambauer et al. 2017, rounded to f32.
        let alpha = setup.float("alpha", 1.673_263_192_176_818_8)?;
        Ok(SeluOf { alpha, gamma: setup.float("gamma", 1.050_700_902_938_842_8)? })
    }

    fn value<T: Float>(&self, x: T) -> T {
        let inner = if x < T::ZERO { T::from_f64(self.alpha) * x.through(f64::exp_m1) } else { x };
        T::from_f64(self.gamma) * inner
    }

    fn slope<T: Float>(&self, x: T, _: T) -> T {
        T::from_f64(self.gamma) * if x < T::ZERO { T::from_f64(self.alpha) * x.exp() } else { T::ONE }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![
            points("points", &[(-1.0, -1.1113307), (1.0, 1.0507009)]),
            points("of another scale", &[(-1.0, -3.7927234), (1.0, 3.0)]).float("alpha", 2.0).float("gamma", 3.0),
        ]
    }
}

/// max(x, 0) + min(α(e^(x/α) − 1), 0).
#[derive(Debug)]
pub(crate) struct CeluOf {
    alpha: f64,
}

impl Function for CeluOf {
    const NAME: &'static str = "Celu";
    const SINCE: u64 = 12;
    const READS: Reads = Reads::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(CeluOf { alpha: setup.float("alpha", 1.0)? })
    }

    fn value<T: Float>(&self, x: T) -> T {
        let alpha = T::from_f64(self.alpha);
        if x < T::ZERO { alpha * (x / alpha).through(f64::exp_m1) } else { x }
    }

    fn slope<T: Float>(&self, x: T, _: T) -> T {
        if x < T::ZERO { (x / T::from_f64(self.alpha)).exp() } else { T::ONE }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![points("steeper", &[(-2.0, -1.2642411176571153), (2.0, 2.0)]).float("alpha", 2.0)]
    }
}

/// αx + β between 0 and 1.
#[derive(Debug)]
pub(crate) struct HardSigmoidOf {
    alpha: f64,
    beta: f64,
}

impl Function for HardSigmoidOf {
    const NAME: &'static str = "HardSigmoid";
    const READS: Reads = Reads::OUTPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(HardSigmoidOf { alpha: setup.float("alpha", 0.2)?, beta: setup.float("beta", 0.5)? })
    }

    fn value<T: Float>(&self, x: T) -> T {
        (x * T::from_f64(self.alpha) + T::from_f64(self.beta)).largest(T::ZERO).smallest(T::ONE)
    }

    fn slope<T: Float>(&self, _: T, y: T) -> T {
        if y > T::ZERO && y < T::ONE { T::from_f64(self.alpha) } else { T::ZERO }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![
            points("points", &[(-3.0, 0.0), (3.0, 1.0), (1.0, 0.7)]),
            points("others", &[(0.1, 0.65)]).float("alpha", 0.5).float("beta", 0.6),
        ]
    }
}

/// x above α, 0 elsewhere.
#[derive(Debug)]
pub(crate) struct ThresholdedReluOf {
    alpha: f64,
}

impl Function for ThresholdedReluOf {
    const NAME: &'static str = "ThresholdedRelu";
    const SINCE: u64 = 10;
    const READS: Reads = Reads::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(ThresholdedReluOf { alpha: setup.float("alpha", 1.0)? })
    }

    fn value<T: Float>(&self, x: T) -> T {
        if x > T::from_f64(self.alpha) { x } else { T::ZERO }
    }

    fn slope<T: Float>(&self, x: T, _: T) -> T {
        if x > T::from_f64(self.alpha) { T::ONE } else { T::ZERO }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![
            points("points", &[(0.9, 0.0), (1.5, 1.5)]),
            points("higher", &[(1.5, 0.0), (3.0, 3.0)]).float("alpha", 2.0),
        ]
    }
}

/// x·Φ(x), or its approximation by a hyperbolic tangent.
#[derive(Debug)]
pub(crate) struct GeluOf {
    tanh: bool,
}

impl GeluOf {
    /// √(2/π)·(x + 0.044715x³), and its slope. Source: Hendrycks and Gimpel 2016, arXiv:1606.08415, §2.
    fn inner<T: Float>(x: T) -> (T, T) {
        let (scale, cubic) = (T::from_f64((2.0 / std::f64::consts::PI).sqrt()), T::from_f64(0.044715));
        (scale * (x + cubic * x * x * x), scale * (T::ONE + T::from_f64(3.0) * cubic * x * x))
    }

    fn half<T: Float>(x: T) -> T {
        (x * T::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erf()
    }
}

impl Function for GeluOf {
    const NAME: &'static str = "Gelu";
    const SINCE: u64 = 20;
    const READS: Reads = Reads::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        match setup.text("approximate", "none")? {
            "none" => Ok(GeluOf { tanh: false }),
            "tanh" => Ok(GeluOf { tanh: true }),
            other => Err(Setup::refuse("approximate", other, "none or tanh")),
        }
    }

    fn value<T: Float>(&self, x: T) -> T {
        let gate = if self.tanh { Self::inner(x).0.tanh() } else { Self::half(x) };
        T::from_f64(0.5) * x * (T::ONE + gate)
    }

    fn slope<T: Float>(&self, x: T, _: T) -> T {
        let half = T::from_f64(0.5);
        if self.tanh {
            let (inner, slope) = Self::inner(x);
            let gate = inner.tanh();
            return half * (T::ONE + gate) + half * x * (T::ONE - gate * gate) * slope;
        }
        // φ(x) = e^(−x²/2)/√(2π).
        let density = T::from_f64(0.398_942_280_401_432_7) * (-half * x * x).exp();
        half * (T::ONE + Self::half(x)) + x * density
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![
            points("exact", &[(1.0, 0.8413447460685429), (-1.0, -0.15865525393145707), (0.0, 0.0)]),
            points("by tanh", &[(1.0, 0.8411919906082768), (-2.0, -0.04540230591222494)]).text("approximate", "tanh"),
            points("neither", &[(1.0, 1.0)]).text("approximate", "fast").refused("none or tanh"),
        ]
    }
}

/// x·σ(αx).
#[derive(Debug)]
pub(crate) struct SwishOf {
    alpha: f64,
}

impl Function for SwishOf {
    const NAME: &'static str = "Swish";
    const SINCE: u64 = 24;
    const READS: Reads = Reads::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(SwishOf { alpha: setup.float("alpha", 1.0)? })
    }

    fn value<T: Float>(&self, x: T) -> T {
        x * sigmoid(T::from_f64(self.alpha) * x)
    }

    fn slope<T: Float>(&self, x: T, _: T) -> T {
        let gate = sigmoid(T::from_f64(self.alpha) * x);
        gate + T::from_f64(self.alpha) * x * gate * (T::ONE - gate)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![
            points("points", &[(2.0, 1.7615941559557646)]),
            points("sharper", &[(1.0, 0.8807970779778823)]).float("alpha", 2.0),
        ]
    }
}

/// x moved towards 0 by a bias, and 0 between −λ and λ.
#[derive(Debug)]
pub(crate) struct ShrinkOf {
    bias: f64,
    lambda: f64,
}

impl Function for ShrinkOf {
    const NAME: &'static str = "Shrink";
    const SINCE: u64 = 9;
    const READS: Reads = Reads::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(ShrinkOf { bias: setup.float("bias", 0.0)?, lambda: setup.float("lambd", 0.5)? })
    }

    fn value<T: Float>(&self, x: T) -> T {
        let (bias, lambda) = (T::from_f64(self.bias), T::from_f64(self.lambda));
        if x > lambda {
            x - bias
        } else if x < -lambda {
            x + bias
        } else {
            T::ZERO
        }
    }

    fn slope<T: Float>(&self, x: T, _: T) -> T {
        if x.magnitude() > T::from_f64(self.lambda) { T::ONE } else { T::ZERO }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let of = |name: &str, points: &[(f64, f64)]| super::unary::points(name, points);
        vec![
            of("hard", &[(-2.0, -2.0), (0.4, 0.0), (1.5, 1.5)]),
            of("soft", &[(-2.0, -0.5), (0.4, 0.0), (2.0, 0.5)]).float("bias", 1.5).float("lambd", 1.5),
        ]
    }
}
