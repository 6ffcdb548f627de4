//! Losses: a number to be made small, and its gradient with respect to the model's output.

use crate::element::Float;
use crate::error::{Error, mismatch};
use crate::tensor::{Tensor, on_floats};
use fanin::Refusal;

/// A loss and where it comes from.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The mean over the batch.
    pub value: f64,
    /// Its gradient with respect to the prediction, of the prediction's shape and type: a seed for
    /// [`crate::Trace::backward`].
    pub gradient: Tensor,
}

/// The mean of (prediction − target)² over all elements.
///
/// # Errors
/// If the two have not the same shape and type, or no elements.
pub fn mean_squared_error(prediction: &Tensor, target: &Tensor) -> Result<Loss, Error> {
    pairs("mean_squared_error", prediction, target, |x, t| {
        let difference = x - t;
        (difference * difference, 2.0 * difference)
    })
}

/// The mean over all elements of −t·ln σ(x) − (1 − t)·ln(1 − σ(x)), for logits x and targets t between 0 and 1.
///
/// # Precision
/// Computed as max(x, 0) − x·t + ln(1 + e^−|x|), which neither overflows nor cancels.
///
/// # Errors
/// If the two have not the same shape and type, or no elements.
pub fn binary_cross_entropy(logits: &Tensor, target: &Tensor) -> Result<Loss, Error> {
    pairs("binary_cross_entropy", logits, target, |x, t| {
        let small = (-x.abs()).exp();
        let sigmoid = if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
        (x.max(0.0) - x * t + small.ln_1p(), sigmoid - t)
    })
}

/// The mean over the batch of −ln softmax(logits)\[class\], for logits of shape `[n, classes, …]` and classes `[n, …]`
/// as integers. Classes equal to `ignored` do not count.
///
/// # Example
/// ```
/// use fanin_engine::{Tensor, loss};
/// let logits = Tensor::new(&[1, 4], vec![0f32; 4])?;
/// let uninformed = loss::cross_entropy(&logits, &Tensor::new(&[1], vec![2i64])?, None)?;
/// assert!((uninformed.value - 4f64.ln()).abs() < 1e-7);
/// # Ok::<(), fanin_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, a class is out of range (the message names it and its place), or none counts.
pub fn cross_entropy(logits: &Tensor, classes: &Tensor, ignored: Option<i64>) -> Result<Loss, Error> {
    let refuse = |refusal: Refusal| refusal.of("loss", "cross_entropy");
    let shape = logits.shape();
    let fits = shape.len() >= 2 && classes.rank() == shape.len() - 1;
    if !fits || classes.shape()[0] != shape[0] || classes.shape()[1..] != shape[2..] {
        let wrong = format!("logits {} and classes {} were given", logits.spec(), classes.spec());
        return Err(refuse(mismatch(wrong, "[n, classes, …] and [n, …]")).into());
    }
    let ids = classes.ints().map_err(refuse)?;
    let (count, inner) = (shape[1], shape[2..].iter().product::<usize>());
    for (place, &id) in ids.iter().enumerate() {
        if Some(id) != ignored && !(0..count as i64).contains(&id) {
            let wrong = format!("class {id} at position {place}");
            return Err(refuse(mismatch(wrong, format!("classes from 0 to {}", count as i64 - 1))).into());
        }
    }
    let counted = ids.iter().filter(|&&id| Some(id) != ignored).count();
    if counted == 0 {
        return Err(refuse(mismatch("no element counts", "at least one class that is not ignored")).into());
    }
    let sizes = [count, inner];
    let (value, gradient) = entropies(logits, &ids, ignored, sizes, counted as f64).map_err(refuse)?;
    Ok(Loss { value, gradient })
}

fn entropies(
    logits: &Tensor,
    ids: &[i64],
    ignored: Option<i64>,
    [count, inner]: [usize; 2],
    counted: f64,
) -> Result<(f64, Tensor), Refusal> {
    fn run<T: Float>(
        x: &[T],
        ids: &[i64],
        ignored: Option<i64>,
        [count, inner]: [usize; 2],
        counted: f64,
    ) -> (f64, Vec<T>) {
        let (mut total, mut gradient) = (0.0, vec![T::ZERO; x.len()]);
        for (place, &id) in ids.iter().enumerate().filter(|(_, id)| Some(**id) != ignored) {
            let at = |class: usize| (place / inner * count + class) * inner + place % inner;
            let largest = (0..count).map(|c| x[at(c)].to_f64()).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..count).map(|c| (x[at(c)].to_f64() - largest).exp()).sum();
            let own = id as usize;
            total += sum.ln() - (x[at(own)].to_f64() - largest);
            for class in 0..count {
                let share = (x[at(class)].to_f64() - largest).exp() / sum;
                gradient[at(class)] = T::from_f64((share - f64::from(u8::from(class == own))) / counted);
            }
        }
        (total / counted, gradient)
    }
    on_floats!(logits, x => {
        let (value, gradient) = run(x, ids, ignored, [count, inner], counted);
        Ok((value, Tensor::new(logits.shape(), gradient)?))
    })
}

/// The mean of a loss of pairs: `of(prediction, target)` gives it and its slope.
fn pairs(asked: &str, x: &Tensor, t: &Tensor, of: impl Fn(f64, f64) -> (f64, f64)) -> Result<Loss, Error> {
    fn run<T: Float>(x: &[T], t: &[T], of: impl Fn(f64, f64) -> (f64, f64)) -> (f64, Vec<T>) {
        let count = x.len() as f64;
        let mut total = 0.0;
        let slopes = x.iter().zip(t).map(|(&x, &t)| {
            let (loss, slope) = of(x.to_f64(), t.to_f64());
            total += loss;
            T::from_f64(slope / count)
        });
        let slopes = slopes.collect();
        (total / count, slopes)
    }
    let refuse = |refusal: Refusal| refusal.of("loss", asked);
    if x.spec() != t.spec() || x.is_empty() {
        let wrong = format!("a prediction {} and a target {} were given", x.spec(), t.spec());
        return Err(refuse(mismatch(wrong, "one shape and type, and elements")).into());
    }
    let on = || -> Result<Loss, Refusal> {
        let (value, gradient) = on_floats!(x, values => {
            let (value, slopes) = run(values, t.expect()?, of);
            (value, Tensor::new(x.shape(), slopes)?)
        });
        Ok(Loss { value, gradient })
    };
    on().map_err(|r| refuse(r).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::random;

    fn check(x: &Tensor, loss: impl Fn(&Tensor) -> Loss) {
        const STEP: f64 = 1e-6;
        let gradient = loss(x).gradient.to_f64s();
        for (i, slope) in gradient.into_iter().enumerate() {
            let moved = |by: f64| {
                let mut x = x.clone();
                x.values_mut::<f64>().unwrap()[i] += by;
                loss(&x).value
            };
            let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            assert!((difference - slope).abs() < 1e-8, "element {i}: {difference} and {slope}");
        }
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let x = random(&[3, 4, 2], 1);
        let target = Tensor::of(x.shape(), x.to_f64s().iter().map(|v| (v * 7.0).sin().abs()).collect());
        check(&x, |x| mean_squared_error(x, &target).unwrap());
        check(&x, |x| binary_cross_entropy(x, &target).unwrap());
        let classes = Tensor::of(&[3, 2], vec![0i64, 3, 1, -1, 2, 2]);
        check(&x, |x| cross_entropy(x, &classes, Some(-1)).unwrap());
    }

    #[test]
    fn values_are_those_of_the_formulas() {
        let x = Tensor::of(&[1, 2], vec![1.0f64, -2.0]);
        let t = Tensor::of(&[1, 2], vec![0.0, 1.0]);
        assert_eq!(mean_squared_error(&x, &t).unwrap().value, f64::midpoint(1.0, 9.0));
        let entropy = f64::midpoint((1.0 + 1f64.exp()).ln(), (1.0 + 2f64.exp()).ln());
        assert!((binary_cross_entropy(&x, &t).unwrap().value - entropy).abs() < 1e-15);
        let class = Tensor::of(&[1], vec![1i64]);
        assert!((cross_entropy(&x, &class, None).unwrap().value - (1.0 + 3f64.exp()).ln()).abs() < 1e-15);
        let far = Tensor::of(&[1, 2], vec![-800.0f64, 800.0]);
        assert_eq!(binary_cross_entropy(&far, &t).unwrap().value, 0.0);
        assert_eq!(cross_entropy(&far, &class, None).unwrap().value, 0.0);
    }

    #[test]
    fn labels_out_of_range_are_named() {
        let x = Tensor::of(&[2, 3], vec![0f32; 6]);
        let message = |ids: Vec<i64>, ignored| {
            cross_entropy(&x, &Tensor::of(&[2], ids), ignored).map(|_| ()).unwrap_err().to_string()
        };
        assert!(message(vec![0, 3], None).contains("class 3 at position 1"));
        assert!(message(vec![-1, 0], None).contains("class -1 at position 0"));
        assert!(message(vec![-1, -1], Some(-1)).contains("no element counts"));
        assert!(mean_squared_error(&x, &Tensor::of(&[2], vec![0f32; 2])).is_err());
    }
}
