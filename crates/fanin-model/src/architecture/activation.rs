//! Activations as ONNX operators: one where ONNX has it, else spelled out as exporters do.

use super::fault::Fault;
use super::net::{Net, Signal};
use crate::onnx::emit::Setting::{Float, Text};
use fanin::Activation;

/// An activation with its parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// One without weights.
    Fixed(Activation, f64),
    /// PReLU: a rectifier whose slope is learned, one for each channel.
    Prelu,
}

impl Shape {
    pub(super) const IDENTITY: Shape = Shape::Fixed(Activation::Linear, 0.0);
}

/// The activation's name without its parameter.
fn name(text: &str) -> &str {
    text.split('(').next().unwrap_or_default()
}

/// Whether the text begins with the name of an activation.
pub(super) fn is_name(text: &str) -> bool {
    let name = name(text);
    name == "prelu" || Activation::ALL.iter().any(|activation| activation.name() == name)
}

/// Reads `relu`, `leaky_relu(0.2)` or `prelu`; the text begins at character `at`.
pub(super) fn parse(text: &str, at: usize) -> Result<Shape, Fault> {
    let own = name(text);
    let inside = text[own.len()..].strip_prefix('(').map(|rest| rest.strip_suffix(')'));
    let parameter_at = at + own.len() + 1;
    if own == "prelu" && inside.is_none() {
        return Ok(Shape::Prelu);
    }
    let names = || Activation::ALL.iter().map(|activation| activation.name()).chain(["prelu"]);
    let Some(&activation) = Activation::ALL.iter().find(|activation| activation.name() == own) else {
        let near = fanin::recipe::nearest(own, names());
        let near = near.map_or(String::new(), |near| format!(" (perhaps {near})"));
        let wrong = format!("`{own}` is no activation");
        let expected = format!("one of {}{near}", names().collect::<Vec<_>>().join(", "));
        return Err(Fault::new(at, own.len(), wrong, expected));
    };
    let parameter = match inside {
        None => activation.default_parameter(),
        Some(Some(number)) if activation.is_parametric() => number.parse::<f64>().map_err(|_| {
            let wrong = format!("the parameter of {own} is `{number}`");
            Fault::new(parameter_at, number.len(), wrong, "a number")
        })?,
        Some(Some(number)) => {
            let wrong = format!("{own} has no parameter");
            return Err(Fault::new(parameter_at, number.len(), wrong, format!("`{own}` alone")));
        }
        Some(None) => return Err(Fault::new(at + text.len(), 0, "the parenthesis is not closed", "`)`")),
    };
    let checked = activation.check(parameter).and(Ok(Shape::Fixed(activation, parameter)));
    checked.map_err(|refusal| Fault::new(parameter_at, text.len() - own.len() - 1, refusal.wrong, refusal.expected))
}

impl Net {
    /// f(x), element by element; softmax along the last axis.
    pub(super) fn activate(&mut self, path: &str, x: &Signal, shape: Shape) -> Signal {
        let Shape::Fixed(activation, parameter) = shape else {
            // One slope for each channel, which is the first axis after the batch of a picture and the last of a vector.
            let slopes: Vec<u64> = match x.shape.as_slice() {
                [channels, rest @ ..] if !rest.is_empty() => {
                    std::iter::once(*channels).chain(rest.iter().map(|_| 1)).collect()
                }
                other => other.to_vec(),
            };
            let slope = self.weight(&format!("{path}.weight"), &slopes);
            return self.apply("PRelu", path, &[&x.name, &slope], &[], &x.shape);
        };
        let name = match operator(activation) {
            Some("") => return x.clone(),
            Some(op) => self.op(op, path, &[&x.name], &settings(activation, parameter)),
            None => self.composite(path, &x.name, activation, parameter),
        };
        Signal { name, shape: x.shape.clone() }
    }

    /// Activations that are several operators.
    fn composite(&mut self, path: &str, x: &str, activation: Activation, parameter: f64) -> String {
        use Activation as A;
        match activation {
            A::Relu6 => self.clip(path, x, 0.0, 6.0),
            A::HardTanh => self.clip(path, x, -1.0, 1.0),
            A::QuickGelu => self.gated(path, x, "Sigmoid", 1.702),
            A::Silu => self.gated(path, x, "Sigmoid", parameter),
            A::Softplus => {
                let inner = self.scaled(path, x, parameter);
                let soft = self.op("Softplus", path, &[&inner], &[]);
                self.scaled(path, &soft, 1.0 / parameter)
            }
            A::SquaredRelu => {
                let relu = self.op("Relu", path, &[x], &[]);
                self.op("Mul", path, &[&relu, &relu], &[])
            }
            // LeCun et al. 1998, "Efficient BackProp", §4.4.
            A::LecunTanh => {
                let inner = self.scaled(path, x, 2.0 / 3.0);
                let tanh = self.op("Tanh", path, &[&inner], &[]);
                self.scaled(path, &tanh, 1.7159)
            }
            A::ShiftedSoftplus => {
                let soft = self.op("Softplus", path, &[x], &[]);
                let shift = self.number(std::f32::consts::LN_2);
                self.op("Sub", path, &[&soft, &shift], &[])
            }
            A::Squareplus => {
                let square = self.op("Mul", path, &[x, x], &[]);
                let b = self.number(parameter as f32);
                let sum = self.op("Add", path, &[&square, &b], &[]);
                let root = self.op("Sqrt", path, &[&sum], &[]);
                let both = self.op("Add", path, &[x, &root], &[]);
                self.scaled(path, &both, 0.5)
            }
            // ln σ(x) = −softplus(−x), which does not overflow.
            A::LogSigmoid => {
                let minus = self.op("Neg", path, &[x], &[]);
                let soft = self.op("Softplus", path, &[&minus], &[]);
                self.op("Neg", path, &[&soft], &[])
            }
            A::TanhShrink => {
                let tanh = self.op("Tanh", path, &[x], &[]);
                self.op("Sub", path, &[x, &tanh], &[])
            }
            _ => self.composed_of_powers(path, x, activation, parameter),
        }
    }

    /// Further ones.
    fn composed_of_powers(&mut self, path: &str, x: &str, activation: Activation, parameter: f64) -> String {
        use Activation as A;
        match activation {
            A::Gaussian => {
                let square = self.op("Mul", path, &[x, x], &[]);
                let minus = self.op("Neg", path, &[&square], &[]);
                self.op("Exp", path, &[&minus], &[])
            }
            A::Snake => {
                let inner = self.scaled(path, x, parameter);
                let sine = self.op("Sin", path, &[&inner], &[]);
                let square = self.op("Mul", path, &[&sine, &sine], &[]);
                let part = self.scaled(path, &square, 1.0 / parameter);
                self.op("Add", path, &[x, &part], &[])
            }
            A::Serf => {
                let soft = self.op("Softplus", path, &[x], &[]);
                let gate = self.op("Erf", path, &[&soft], &[]);
                self.op("Mul", path, &[x, &gate], &[])
            }
            _ => {
                let power = self.op("Exp", path, &[x], &[]);
                let gate = self.op("Tanh", path, &[&power], &[]);
                self.op("Mul", path, &[x, &gate], &[])
            }
        }
    }

    fn clip(&mut self, path: &str, x: &str, low: f32, high: f32) -> String {
        let (low, high) = (self.number(low), self.number(high));
        self.op("Clip", path, &[x, &low, &high], &[])
    }

    /// x · g(a x).
    fn gated(&mut self, path: &str, x: &str, gate: &str, a: f64) -> String {
        let inner = self.scaled(path, x, a);
        let gate = self.op(gate, path, &[&inner], &[]);
        self.op("Mul", path, &[x, &gate], &[])
    }

    /// a x; x itself for 1.
    pub(super) fn scaled(&mut self, path: &str, x: &str, a: f64) -> String {
        if a == 1.0 {
            return x.to_owned();
        }
        let a = self.number(a as f32);
        self.op("Mul", path, &[x, &a], &[])
    }
}

/// The one operator that an activation is; empty for none at all.
fn operator(activation: Activation) -> Option<&'static str> {
    use Activation as A;
    Some(match activation {
        A::Linear => "",
        A::Relu => "Relu",
        A::LeakyRelu => "LeakyRelu",
        A::Elu => "Elu",
        A::Selu => "Selu",
        A::Gelu | A::GeluTanh => "Gelu",
        A::Mish => "Mish",
        A::HardSwish => "HardSwish",
        A::Sigmoid => "Sigmoid",
        A::HardSigmoid => "HardSigmoid",
        A::Tanh => "Tanh",
        A::Softsign => "Softsign",
        A::Atan => "Atan",
        A::Erf => "Erf",
        A::Sin => "Sin",
        A::Celu => "Celu",
        A::SoftShrink | A::HardShrink => "Shrink",
        A::Cos => "Cos",
        A::Exp => "Exp",
        A::Abs => "Abs",
        A::Softmax => "Softmax",
        _ => return None,
    })
}

fn settings(activation: Activation, parameter: f64) -> Vec<(&'static str, crate::onnx::emit::Setting)> {
    use Activation as A;
    match activation {
        A::LeakyRelu | A::Elu | A::Celu => vec![("alpha", Float(parameter as f32))],
        A::GeluTanh => vec![("approximate", Text("tanh"))],
        // torch's and the table's: x/6 + 1/2; ONNX's own default slope is 0.2.
        A::HardSigmoid => vec![("alpha", Float(1.0 / 6.0)), ("beta", Float(0.5))],
        A::SoftShrink => vec![("lambd", Float(parameter as f32)), ("bias", Float(parameter as f32))],
        A::HardShrink => vec![("lambd", Float(parameter as f32))],
        A::Softmax => vec![("axis", crate::onnx::emit::Setting::Int(-1))],
        _ => Vec::new(),
    }
}
