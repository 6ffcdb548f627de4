//! Keras' names of activations.

use fanin::gain::Activation;
use fanin::graph::Follows;
use serde_json::Value;

/// `(Keras' name, what it is)`: `keras.activations`, with their parameters where those differ from ours.
fn named(name: &str) -> Option<Follows> {
    let activation = match name {
        "relu" => Activation::Relu,
        "relu6" => Activation::Relu6,
        // `keras.activations.leaky_relu` has a slope of 0.2.
        "leaky_relu" => return Some(Follows { activation: Activation::LeakyRelu, parameter: 0.2 }),
        "elu" => Activation::Elu,
        "selu" => Activation::Selu,
        "celu" => Activation::Celu,
        "gelu" => Activation::Gelu,
        "silu" | "swish" => Activation::Silu,
        "mish" => Activation::Mish,
        "hard_silu" | "hard_swish" => Activation::HardSwish,
        "softplus" => Activation::Softplus,
        "sigmoid" => Activation::Sigmoid,
        "hard_sigmoid" => Activation::HardSigmoid,
        "tanh" => Activation::Tanh,
        "hard_tanh" => Activation::HardTanh,
        "tanh_shrink" => Activation::TanhShrink,
        "softsign" => Activation::Softsign,
        "squareplus" => Activation::Squareplus,
        "log_sigmoid" => Activation::LogSigmoid,
        "exponential" => Activation::Exp,
        "softmax" => Activation::Softmax,
        _ => return None,
    };
    Some(Follows::from(activation))
}

/// The activation of a layer's own settings, unless it is linear.
pub(super) fn of(settings: &Value) -> Option<Follows> {
    named(word(settings.get("activation")?)?)
}

/// An activation is its name, or an object that holds the name.
fn word(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("config")?.as_str()).or_else(|| value.get("class_name")?.as_str())
}

/// The activation that a layer of class `class` is.
pub(super) fn of_layer(class: &str, settings: &Value) -> Option<Follows> {
    let number = |keys: [&str; 2]| keys.iter().find_map(|key| settings.get(key)?.as_f64());
    Some(match class {
        "Activation" => return of(settings),
        "ReLU" => match (number(["max_value", "max_value"]), number(["negative_slope", "negative_slope"])) {
            (Some(6.0), _) => Follows::from(Activation::Relu6),
            (None, Some(slope)) if slope != 0.0 => Follows { activation: Activation::LeakyRelu, parameter: slope },
            _ => Follows::from(Activation::Relu),
        },
        // 0.3 is the default of the layer, unlike that of the function.
        "LeakyReLU" => {
            let slope = number(["negative_slope", "alpha"]).unwrap_or(0.3);
            Follows { activation: Activation::LeakyRelu, parameter: slope }
        }
        // Its slopes start at 0 unless said otherwise.
        "PReLU" => Follows::from(Activation::Relu),
        "ELU" => Follows { activation: Activation::Elu, parameter: number(["alpha", "alpha"]).unwrap_or(1.0) },
        "Softmax" => Follows::from(Activation::Softmax),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn activations_are_names_objects_or_layers() {
        let found = |value| of(&json!({ "activation": value })).map(|f| f.activation);
        assert_eq!(found(json!("swish")), Some(Activation::Silu));
        assert_eq!(found(json!({ "class_name": "function", "config": "gelu" })), Some(Activation::Gelu));
        assert_eq!(found(json!("linear")), None);
        assert_eq!(found(json!(null)), None);
        let leaky = of_layer("LeakyReLU", &json!({ "alpha": 0.1 })).unwrap();
        assert_eq!((leaky.activation, leaky.parameter), (Activation::LeakyRelu, 0.1));
        let relu = of_layer("ReLU", &json!({ "max_value": null, "negative_slope": 0.0 })).unwrap();
        assert_eq!(relu.activation, Activation::Relu);
        assert_eq!(of_layer("Conv2D", &json!({})), None);
    }
}
