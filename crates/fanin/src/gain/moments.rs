//! [`Moments`]: an activation's averages over a normal input.

use super::{Activation, expectation, function};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Averages over a normal input z of mean 0 and variance q (1 for the gains): what initialization has to know of an
/// activation.
///
/// # Precision
/// 1e-15 relative to the second moment.
///
/// # Example
/// ```
/// let tanh = fanin::Activation::Tanh.moments(0.0);
/// assert!((tanh.gain() - 1.592537419722831).abs() < 1e-14);
/// assert!(tanh.stability() < 1.0, "a deep network of tanh returns to its scale");
/// assert!(fanin::Activation::Gelu.moments(0.0).stability() > 1.0, "one of GELU leaves it");
/// ```
///
/// # Source
/// B. Poole, S. Lahiri, M. Raghu, J. Sohl-Dickstein, S. Ganguli, "Exponential expressivity in deep neural networks through
/// transient chaos", arXiv:1606.05340; S. Schoenholz et al., "Deep information propagation",
/// arXiv:1611.01232.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// E\[f\].
    pub mean: f64,
    /// E\[f²\].
    pub second: f64,
    /// E\[f′²\], without the jumps of functions that have some.
    pub derivative: f64,
    /// E\[(z²/q) f²\].
    pub weighed: f64,
}

/// Every figure that was asked for so far: a plan asks thousands of times for a handful.
static KNOWN: Mutex<BTreeMap<(Activation, u64, u64), Moments>> = Mutex::new(BTreeMap::new());
/// Where the store stops growing.
const MOST: usize = 1 << 12;

impl Moments {
    /// The averages for inputs of variance `q`.
    pub fn of(activation: Activation, parameter: f64, q: f64) -> Moments {
        let parameter = if activation.is_parametric() { parameter } else { 0.0 };
        let key = (activation, parameter.to_bits(), q.to_bits());
        // A panic while the lock was held leaves a map that is still right: entries are inserted whole.
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(moments) = known().get(&key) {
            return *moments;
        }
        let moments = Moments::compute(activation, parameter, q);
        let mut store = known();
        if store.len() < MOST {
            store.insert(key, moments);
        }
        moments
    }

    fn compute(activation: Activation, parameter: f64, q: f64) -> Moments {
        let scale = q.sqrt();
        let kinks: Vec<f64> = function::kinks(activation, parameter).into_iter().map(|x| x / scale).collect();
        let width = function::width(activation, parameter) / scale;
        let [mean, second, derivative, weighed] = expectation(&kinks, width, |z| {
            let (f, slope) = function::value(activation, parameter, scale * z);
            [f, f * f, slope * slope, z * z * f * f]
        });
        let [second, derivative] = match exact(activation, parameter, derivative) {
            Some(exact) if q == 1.0 => exact,
            _ => [second, derivative],
        };
        Moments { mean, second, derivative, weighed }
    }

    /// 1 / √E\[f²\]: keeps the second moment of the signal.
    pub fn gain(&self) -> f64 {
        (1.0 / self.second).sqrt()
    }

    /// 1 / √E\[f′²\]: keeps the second moment of the gradient, and the distance of neighbouring inputs.
    pub fn backward_gain(&self) -> f64 {
        (1.0 / self.derivative).sqrt()
    }

    /// 1 / √Var\[f\]: keeps the variance, for weights that remove the mean (weight standardization).
    ///
    /// # Source
    /// A. Brock, S. De, S. Smith, "Characterizing signal propagation to close the performance gap in unnormalized ResNets",
    /// arXiv:2101.08692.
    pub fn variance_gain(&self) -> f64 {
        (1.0 / (self.second - self.mean * self.mean)).sqrt()
    }

    /// χ₁ = E\[f′²\] / E\[f²\]: how much a gradient grows in each layer whose weights have the forward gain.
    pub fn gradient_growth(&self) -> f64 {
        self.derivative / self.second
    }

    /// How far a small deviation of the signal's second moment from 1 gets through a layer whose weights have the forward
    /// gain: below 1 deep networks return to their scale, above 1 they leave it.
    ///
    /// # Formula
    /// dE\[f(√q z)²\]/dq / E\[f²\] at q = 1, which is (E\[z² f²\] / E\[f²\] − 1) / 2 and so counts jumps, too.
    pub fn stability(&self) -> f64 {
        0.5 * (self.weighed / self.second - 1.0)
    }
}

/// E\[f²\] and E\[f′²\] where they are known without an integral.
fn exact(activation: Activation, parameter: f64, derivative: f64) -> Option<[f64; 2]> {
    match activation {
        // Klambauer et al. 2017 chose its constants so.
        Activation::Selu => Some([1.0, derivative]),
        Activation::Linear | Activation::Softmax | Activation::Abs => Some([1.0, 1.0]),
        Activation::Relu => Some([0.5, 0.5]),
        Activation::LeakyRelu => Some([f64::midpoint(1.0, parameter * parameter); 2]),
        Activation::SquaredRelu => Some([1.5, 2.0]),
        _ => None,
    }
}
