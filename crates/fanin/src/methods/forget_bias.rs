//! The bias of an LSTM's forget gate.

use super::matrix::gate;
use super::prelude::*;

/// Zero but for the forget gate of an LSTM, which starts open.
///
/// With a forget bias of 1 a cell keeps σ(1) = 73 % of its memory at each step before it has learned anything, with 0 only
/// half. Keras does this by default, torch and ONNX files do not. Where input and hidden state have a bias each, only
/// that of the input gets it; biases without gates (GRU, RNN) are zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForgetBias {
    /// Bias of the forget gate.
    pub value: f64,
}

impl Default for ForgetBias {
    fn default() -> ForgetBias {
        ForgetBias { value: 1.0 }
    }
}

impl Method for ForgetBias {
    const ABOUT: About = About {
        name: "forget_bias",
        formula: "b = value in the forget gate, 0 in the others",
        source: Source { authors: "Gers, Schmidhuber, Cummins; Jozefowicz, Zaremba, Sutskever", year: 2015, at: "Neural Computation 12 (2000); ICML 2015", place: "the forget gate; its bias of 1" },
        when: "For the bias of an LSTM that has to remember over many steps.",
        spellings: &[
            Spelling::same("unit_forget_bias", "forget_bias"),
            Spelling::of("keras", "unit_forget_bias", "forget_bias", &[]).noting("on by default in Keras' LSTM"),
            Spelling::of("mxnet", "LSTMBias", "forget_bias", &[("forget_bias", "value")]),
        ],
        cases: &[
            Case::gate("forget_bias", "forget", Expect::Value(1.0), "a cell keeps σ(1) = 73 %"),
            Case::gate("forget_bias", "input", Expect::Value(0.0), "another gate"),
            Case::gate("unit_forget_bias(value=2)", "forget", Expect::Value(2.0), "σ(2) = 88 %"),
            Case::gate("keras:unit_forget_bias", "forget", Expect::Value(1.0), "keras 3.15"),
            Case::gate("mxnet:LSTMBias(forget_bias=2)", "forget", Expect::Value(2.0), "its argument"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        each(Dist::Constant(if gate(param) == "forget" { self.value } else { 0.0 }))
    }
}
