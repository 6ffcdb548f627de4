//! What a configuration says of the parameters: names and shapes have to guess it, a configuration states it.

use super::config::Layer;
use fanin::param::Beside;
use fanin::{Axes, Axis, Evidence, Known, Param, Role};
use serde_json::Value;

/// Corrects the parameters by what their layers say.
pub(super) fn refine(params: &mut [Param], layers: &[Layer]) {
    for param in params.iter_mut() {
        if let Some(layer) = layer_of(&param.name, layers) {
            refine_one(param, layer);
        }
    }
    let weights: Vec<(String, Vec<u64>, Axes)> =
        params.iter().filter_map(|p| Some((p.name.clone(), p.shape.clone(), p.axes.as_ref()?.value.clone()))).collect();
    // A bias has the fans of the weight beside it, which may have changed.
    for beside in params.iter_mut().filter_map(|param| param.place.beside.as_mut()) {
        if let Some((name, shape, axes)) = weights.iter().find(|(name, ..)| *name == beside.name)
            && axes.cuts.is_empty()
        {
            *beside = Beside { name: name.clone(), shape: shape.clone(), axes: axes.clone() };
        }
    }
}

/// The innermost layer that a parameter belongs to.
fn layer_of<'a>(name: &str, layers: &'a [Layer]) -> Option<&'a Layer> {
    let inside = |layer: &&Layer| name.strip_prefix(layer.name.as_str()).is_some_and(|rest| rest.starts_with('/'));
    layers.iter().filter(|layer| !layer.name.is_empty()).filter(inside).max_by_key(|layer| layer.name.len())
}

fn refine_one(param: &mut Param, layer: &Layer) {
    let (class, settings) = inner(layer);
    let variable = param.name.rsplit('/').next().unwrap_or_default().to_owned();
    if !param.dtype.is_float() {
        return;
    }
    let from = Evidence::Convention(format!("its configuration: {class}"));
    if let Some((role, axes)) = meaning(class, settings, &variable, &param.shape) {
        param.role = Known { value: role, from: from.clone() };
        param.axes = Some(Known { value: axes, from: from.clone() });
    }
    if param.place.op.is_none() {
        param.place.op = operator(class).map(str::to_owned);
    }
    if matches!(param.role.value, Role::Weight | Role::Bias) && param.place.follows.is_none() {
        // The depthwise half of a separable convolution meets the other half first.
        let own = (variable != "depthwise_kernel").then_some(layer.follows).flatten();
        param.place.follows = own.map(|value| Known { value, from });
    }
    param.place.first |= layer.first && param.role.value == Role::Weight;
    if let (None, Some(call)) = (&param.place.note, initializer(settings, &variable)) {
        param.place.note = Some(format!("its configuration asks for {call}"));
    }
}

/// The layer inside a wrapper, or itself.
fn inner(layer: &Layer) -> (&str, &Value) {
    let wrapped =
        layer.settings.get("layer").filter(|_| matches!(layer.class.as_str(), "Bidirectional" | "TimeDistributed"));
    let found = wrapped.and_then(|inner| Some((inner.get("class_name")?.as_str()?, inner.get("config")?)));
    found.unwrap_or((&layer.class, &layer.settings))
}

/// Role and axes of a variable, where the class settles them.
fn meaning(class: &str, settings: &Value, variable: &str, shape: &[u64]) -> Option<(Role, Axes)> {
    let field = |last: [Axis; 2]| {
        let spatial = shape.len().checked_sub(2).filter(|&n| n > 0)?;
        Some(Axes::of(&[&vec![Axis::Field; spatial][..], &last].concat()))
    };
    let weight = |axes: Axes| Some((Role::Weight, axes));
    let depthwise = |axes: Axes| weight(Axes { groups: shape[shape.len() - 2].max(1), transposed: true, ..axes });
    match (class, variable) {
        ("Dense", "kernel") if shape.len() == 2 => weight(Axes::matmul()),
        ("Conv1D" | "Conv2D" | "Conv3D", "kernel") => {
            let groups = settings.get("groups").and_then(Value::as_u64).unwrap_or(1).max(1);
            weight(Axes { groups, ..field([Axis::In, Axis::Out])? })
        }
        ("DepthwiseConv1D" | "DepthwiseConv2D" | "DepthwiseConv3D", "kernel" | "depthwise_kernel")
        | ("SeparableConv1D" | "SeparableConv2D", "depthwise_kernel") => depthwise(field([Axis::In, Axis::Out])?),
        ("SeparableConv1D" | "SeparableConv2D", "pointwise_kernel") => weight(field([Axis::In, Axis::Out])?),
        ("Conv1DTranspose" | "Conv2DTranspose" | "Conv3DTranspose", "kernel") => {
            let stride = strides(settings, shape.len() - 2);
            weight(Axes { transposed: true, stride, ..field([Axis::Out, Axis::In])? })
        }
        ("EinsumDense", "kernel") => weight(einsum(settings.get("equation")?.as_str()?, shape)?),
        ("Embedding", "embeddings") if shape.len() == 2 => Some((Role::Embedding, Axes::matmul())),
        _ => None,
    }
}

/// Product of the strides: a list, or one number for all dimensions.
fn strides(settings: &Value, spatial: usize) -> u64 {
    let product = match settings.get("strides") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_u64).fold(1, u64::saturating_mul),
        Some(Value::Number(n)) => n.as_u64().unwrap_or(1).saturating_pow(spatial as u32),
        _ => 1,
    };
    product.max(1)
}

/// What the letters of the second operand of `abc,cd->abd` mean: those that go are inputs, those that come are outputs,
/// those that stay are weights side by side.
fn einsum(equation: &str, shape: &[u64]) -> Option<Axes> {
    let plain: String = equation.chars().filter(|c| c.is_ascii_alphabetic() || matches!(c, ',' | '-' | '>')).collect();
    let (operands, result) = plain.split_once("->")?;
    let (input, kernel) = operands.split_once(',')?;
    let axis = |letter: char| match (input.contains(letter), result.contains(letter)) {
        (true, false) => Some(Axis::In),
        (false, true) => Some(Axis::Out),
        (true, true) => Some(Axis::Stack),
        (false, false) => None,
    };
    let dims: Vec<Axis> = kernel.chars().map(axis).collect::<Option<_>>()?;
    (dims.len() == shape.len()).then(|| Axes::of(&dims))
}

/// The operator of ONNX that does what a layer does.
fn operator(class: &str) -> Option<&'static str> {
    Some(match class {
        "Dense" | "EinsumDense" => "MatMul",
        "Conv1D" | "Conv2D" | "Conv3D" | "DepthwiseConv1D" | "DepthwiseConv2D" | "SeparableConv1D"
        | "SeparableConv2D" => "Conv",
        "Conv1DTranspose" | "Conv2DTranspose" | "Conv3DTranspose" => "ConvTranspose",
        "LSTM" => "LSTM",
        "GRU" => "GRU",
        "SimpleRNN" => "RNN",
        _ => return None,
    })
}

/// The initializer of a variable, as fanin spells Keras' names: `keras:he_normal`.
fn initializer(settings: &Value, variable: &str) -> Option<String> {
    let key = match variable {
        "recurrent_kernel" => "recurrent_initializer".to_owned(),
        "depthwise_kernel" => "depthwise_initializer".to_owned(),
        "pointwise_kernel" => "pointwise_initializer".to_owned(),
        other => format!("{other}_initializer"),
    };
    let value = settings.get(key)?;
    let class = value.as_str().or_else(|| value.get("class_name")?.as_str())?;
    Some(format!("keras:{}", super::config::snake_case(class)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn layers_settle_what_dimensions_mean() {
        let axes = |class, settings, variable, shape: &[u64]| meaning(class, &settings, variable, shape).unwrap().1;
        let fan = |axes: &Axes, shape: &[u64]| axes.fan(shape, fanin::Fan::In).unwrap();
        let grouped = axes("Conv2D", json!({ "groups": 2 }), "kernel", &[3, 3, 4, 8]);
        assert_eq!((grouped.groups, fan(&grouped, &[3, 3, 4, 8])), (2, 36.0));
        let depthwise = axes("DepthwiseConv2D", json!({}), "kernel", &[3, 3, 4, 2]);
        assert_eq!(fan(&depthwise, &[3, 3, 4, 2]), 9.0);
        let transposed = axes("Conv2DTranspose", json!({ "strides": [2, 2] }), "kernel", &[4, 4, 16, 256]);
        assert_eq!(fan(&transposed, &[4, 4, 16, 256]), 1024.0);
        let dense = axes("EinsumDense", json!({ "equation": "...abc,cde->abde" }), "kernel", &[8, 2, 4]);
        assert_eq!(dense.dims, [Axis::In, Axis::Out, Axis::Out]);
        let experts = axes("EinsumDense", json!({ "equation": "ea,eab->eb" }), "kernel", &[8, 2, 4]);
        assert_eq!(experts.dims, [Axis::Stack, Axis::In, Axis::Out]);
        assert!(meaning("EinsumDense", &json!({ "equation": "nonsense" }), "kernel", &[8]).is_none());
        assert!(meaning("Conv2D", &json!({}), "kernel", &[8]).is_none());
    }

    #[test]
    fn initializers_have_fanin_spellings() {
        let settings = json!({ "kernel_initializer": { "class_name": "HeNormal" }, "bias_initializer": "zeros" });
        assert_eq!(initializer(&settings, "kernel").as_deref(), Some("keras:he_normal"));
        assert_eq!(initializer(&settings, "bias").as_deref(), Some("keras:zeros"));
        assert_eq!(initializer(&settings, "gamma"), None);
    }
}
