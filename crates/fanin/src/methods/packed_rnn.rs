//! The packed parameters of a recurrent layer: one vector with everything in it.

use super::matrix::whole;
use super::prelude::*;
use crate::axes::Axis;
use crate::param::Beside;
use crate::role::Role;
use crate::structure::{Packed, Piece};

/// All weights and biases of a recurrent stack that is kept as one vector, as cuDNN wants it and MXNet stores it.
///
/// The vector has all weights first, then all biases; in each, layer by layer, direction by direction, first what reads the input,
/// then what reads the state, then the projection of the state; in each of those gate by gate (LSTM: input, forget, cell, output;
/// GRU: reset, update, hidden). Each gate is a matrix of its own with its own fans, and gets the values that it would get alone under
/// the name `NAME[l0.i2h.forget]` (or `l0.r.h2h.forget` in the backward direction). How many inputs the first layer has follows from
/// the length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PackedRnn {
    /// Which cell: `lstm`, `gru`, `rnn_tanh` or `rnn_relu`.
    pub cell: Cell,
    /// Number of units of a layer's state in one direction. It must be given.
    pub units: Option<u64>,
    /// Number of layers that lie above each other.
    pub layers: u64,
    /// Whether each layer runs in both directions.
    pub bidirectional: bool,
    /// Number of units that the state is projected to before it is passed on (LSTM with projection).
    pub projection: Option<u64>,
    /// The call for weights that read the input, and for projections, in quotes if it has arguments.
    pub weight: String,
    /// The call for weights that read the state; that of `weight` if left out.
    pub recurrent: Option<String>,
    /// The call for biases other than a forget gate's.
    pub bias: String,
    /// The bias of an LSTM's forget gate.
    pub forget: f64,
    /// Whether both biases of the forget gate have it, that beside the input's weight and that beside the state's: they are added.
    pub twice: bool,
}

/// A recurrent cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Long short-term memory.
    #[default]
    Lstm,
    /// Gated recurrent unit.
    Gru,
    /// A plain one with tanh.
    RnnTanh,
    /// A plain one with ReLU.
    RnnRelu,
}

impl Cell {
    fn gates(self) -> &'static [&'static str] {
        match self {
            Cell::Lstm => &["input", "forget", "cell", "output"],
            Cell::Gru => &["reset", "update", "hidden"],
            Cell::RnnTanh | Cell::RnnRelu => &[""],
        }
    }
}

impl Default for PackedRnn {
    fn default() -> PackedRnn {
        PackedRnn {
            cell: Cell::Lstm,
            units: None,
            layers: 1,
            bidirectional: false,
            projection: None,
            weight: "glorot".to_owned(),
            recurrent: None,
            bias: "zeros".to_owned(),
            forget: 1.0,
            twice: false,
        }
    }
}

/// More layers than anybody stacks.
const MOST_LAYERS: u64 = 1024;

/// What reads the input, what reads the state, and the state's projection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Connect {
    Input,
    State,
    Projection,
}

impl Connect {
    fn name(self) -> &'static str {
        match self {
            Connect::Input => "i2h",
            Connect::State => "h2h",
            Connect::Projection => "h2r",
        }
    }
}

/// The sizes of a stack.
struct Sizes {
    units: u64,
    /// Numbers that a layer passes on in one direction.
    passed: u64,
    directions: u64,
    /// Inputs of the first layer.
    inputs: u64,
}

impl PackedRnn {
    fn sizes(&self, param: &Param) -> Result<Sizes, Refusal> {
        let units = given(self.units, "units", "the number of units of a layer's state")? as u64;
        require((1..=MOST_LAYERS).contains(&self.layers), "layers", self.layers as f64, "1 to 1024 layers")?;
        let passed = self.projection.unwrap_or(units);
        require(passed > 0, "projection", 0.0, "the number of units that are passed on")?;
        let directions = if self.bidirectional { 2 } else { 1 };
        let inputs = self.inputs(param.count()?, units, passed, directions).filter(|&inputs| inputs > 0);
        let inputs = inputs.ok_or_else(|| {
            Refusal::new(
                format!("a vector of {:?} elements for {} layers of {units} units", param.shape, self.layers),
                "a length for which the first layer has a whole number of inputs, 1 or more",
                "Check `cell`, `units`, `layers`, `bidirectional` and `projection`.",
            )
        })?;
        Ok(Sizes { units, passed, directions, inputs })
    }

    /// The inputs of the first layer of a stack whose vector has `count` elements; `None` where none fits.
    fn inputs(&self, count: u64, units: u64, passed: u64, directions: u64) -> Option<u64> {
        let rows = (self.cell.gates().len() as u64).checked_mul(units)?.checked_mul(directions)?;
        let projection = self.projection.map_or(Some(0), |size| size.checked_mul(units)?.checked_mul(directions))?;
        // All but the inputs of the first layer: the state, the two biases, and what later layers read.
        let later = directions.checked_mul(passed)?.checked_mul(self.layers - 1)?;
        let columns = passed.checked_add(2)?.checked_mul(self.layers)?.checked_add(later)?;
        let known = rows.checked_mul(columns)?.checked_add(projection.checked_mul(self.layers)?)?;
        let rest = count.checked_sub(known)?;
        rest.is_multiple_of(rows).then(|| rest / rows)
    }

    /// The pieces of one layer in one direction: its weights or its biases.
    fn pieces(&self, param: &Param, sizes: &Sizes, at: (u64, u64), biases: bool) -> Result<Vec<Piece>, Refusal> {
        let (layer, direction) = at;
        let read = if layer == 0 { sizes.inputs } else { sizes.directions * sizes.passed };
        let backward = if direction == 1 { "r." } else { "" };
        let mut pieces = Vec::new();
        for connect in [Connect::Input, Connect::State, Connect::Projection] {
            let (gates, rows, cols): (&[&str], _, _) = match connect {
                Connect::Input => (self.cell.gates(), sizes.units, read),
                Connect::State => (self.cell.gates(), sizes.units, sizes.passed),
                Connect::Projection if self.projection.is_none() || biases => continue,
                Connect::Projection => (&[""], sizes.passed, sizes.units),
            };
            for gate in gates {
                let dot = if gate.is_empty() { "" } else { "." };
                let kind = if biases { ".bias" } else { "" };
                let label = format!("[l{layer}.{backward}{}{dot}{gate}{kind}]", connect.name());
                let whole = Param { name: format!("{}{label}", param.name), ..param.clone() };
                let (law, len) = if biases {
                    (self.bias(whole, connect, gate, [rows, cols])?, rows)
                } else {
                    (self.weight(whole, connect, gate, [rows, cols])?, rows * cols)
                };
                pieces.push(Piece { label, len, law });
            }
        }
        Ok(pieces)
    }

    fn weight(&self, whole: Param, connect: Connect, gate: &str, shape: [u64; 2]) -> Result<Law, Refusal> {
        let role = if connect == Connect::State { Role::Recurrent } else { Role::Weight };
        let mut piece = Param::new(whole.name, &shape, whole.dtype, role, Axes::linear());
        gate.clone_into(&mut piece.place.part);
        let call = if connect == Connect::State { self.recurrent.as_ref() } else { None };
        law_of(call.unwrap_or(&self.weight), &piece)
    }

    fn bias(&self, whole: Param, connect: Connect, gate: &str, weight: [u64; 2]) -> Result<Law, Refusal> {
        if gate == "forget" && (self.twice || connect == Connect::Input) {
            return each(Dist::Constant(self.forget));
        }
        let mut piece = Param::new(whole.name.clone(), &weight[..1], whole.dtype, Role::Bias, Axes::of(&[Axis::Out]));
        gate.clone_into(&mut piece.place.part);
        piece.place.beside = Some(Beside { name: whole.name, shape: weight.to_vec(), axes: Axes::linear() });
        law_of(&self.bias, &piece)
    }
}

impl Method for PackedRnn {
    const ABOUT: About = About {
        name: "packed_rnn",
        formula: "(weights of all layers: i2h, h2h, h2r, gate by gate; then their biases), each gate by `weight`, `recurrent` or `bias`",
        source: Source { authors: "MXNet", year: 2023, at: "apache/mxnet b84609d, python/mxnet/initializer.py", place: "the order of `RNNFused` and of `gluon.rnn`, which is cuDNN's" },
        when: "For the `rnn_param` or `parameters` vector of an MXNet recurrent layer, and other vectors that cuDNN reads.",
        spellings: &[
            Spelling::of("mxnet", "FusedRNN", "packed_rnn(weight=\"uniform(bound=0.07)\", twice=true)", &FUSED)
                .noting("MXNet 1: the forget bias goes into both biases, whose sum is what counts, so a cell starts with 2 and not 1"),
            Spelling::of("mxnet", "RNNFused", "packed_rnn(weight=\"uniform(bound=0.07)\", forget=0)", &[
                ("mode", "cell"), ("num_layers", "layers"), ("state_size", "units"), ("bidirectional", "bidirectional"), ("projection_size", "projection"),
            ])
            .noting("MXNet 2: an initializer that is given to the layer is replaced by U(±0.07), and the forget bias that its documentation promises is 0"),
        ],
        cases: &[
            vector("packed_rnn(units=1, weight=\"normal(std=2)\", forget=0, bias=zeros)", &[4 * (3 + 1 + 2)], Expect::Std(1.632_993_161_855_452), "16 of 24 numbers have std 2, the biases none"),
            vector("mxnet:RNNFused(mode=gru, num_layers=2, state_size=64, bidirectional=true)", &[148_992], Expect::Std(0.040_205_656_882_593_34), "0.07/√3 · √(147456/148992): 128 inputs, 1536 biases"),
            vector("mxnet:FusedRNN(init=\"zeros\", num_hidden=10, num_layers=1, mode=lstm)", &[40 * (5 + 10 + 2)], Expect::Std(0.168_957_724_898_177_3), "20 ones of 680: √(p (1 − p))"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.forget.is_finite(), "forget", self.forget, "a finite number")?;
        let sizes = self.sizes(param)?;
        let mut pieces = Vec::new();
        for biases in [false, true] {
            for layer in 0..self.layers {
                for direction in 0..sizes.directions {
                    pieces.extend(self.pieces(param, &sizes, (layer, direction), biases)?);
                }
            }
        }
        Ok(whole(Packed::new(&param.shape, pieces)?))
    }

    fn by_part(&self) -> bool {
        false
    }
}

/// The arguments of MXNet 1's `FusedRNN`.
const FUSED: [(&str, &str); 6] = [
    ("init", "weight"),
    ("num_hidden", "units"),
    ("num_layers", "layers"),
    ("mode", "cell"),
    ("bidirectional", "bidirectional"),
    ("forget_bias", "forget"),
];

const fn vector(call: &'static str, shape: &'static [u64], expect: Expect, witness: &'static str) -> Case {
    Case { call, shape, axes: of_vector, role: Role::Weight, part: "", expect, witness }
}

fn of_vector() -> Axes {
    Axes::of(&[Axis::Out])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Region, Stream};

    fn values(call: &str, name: &str, shape: &[u64]) -> Vec<f32> {
        let param = Param::new(name, shape, Dtype::F32, Role::Weight, Axes::of(&vec![Axis::Out; shape.len()]));
        let Law::Whole(law) = law_of(call, &param).unwrap() else { panic!("a structure") };
        let mut out = vec![f32::NAN; shape.iter().product::<u64>() as usize];
        law.prepare(Stream::new(4, name)).fill(&Region::All, &mut out);
        out
    }

    /// Weights of constants by what they connect, so that every place shows what it is.
    #[test]
    fn the_order_is_that_of_the_framework() {
        let call = "packed_rnn(cell=lstm, units=2, layers=2, bidirectional=true, projection=1, weight=\"constant(value=3)\", \
                    recurrent=\"constant(value=5)\", bias=\"constant(value=7)\", forget=9)";
        // Per direction: 4·2·3 of the input, 4·2·1 of the state, 1·2 projected; then two inputs, from both directions.
        let (first, second, biases) = (24 + 8 + 2, 16 + 8 + 2, 16);
        let found = values(call, "rnn_param", &[2 * (first + second + 2 * biases)]);
        let mut wanted = Vec::new();
        for read in [24, 24, 16, 16] {
            wanted.extend([vec![3.0; read], vec![5.0; 8], vec![3.0; 2]].concat());
        }
        for _ in 0..4 {
            wanted.extend([vec![7.0; 2], vec![9.0; 2], vec![7.0; 12]].concat());
        }
        assert_eq!(found, wanted);
    }

    #[test]
    fn gates_have_the_values_that_they_have_alone() {
        let found = values("packed_rnn(cell=gru, units=6, recurrent=orthogonal)", "rnn", &[3 * 6 * (4 + 6 + 2)]);
        let gate = Param::new("rnn[l0.h2h.update]", &[6, 6], Dtype::F32, Role::Weight, Axes::linear());
        let Law::Whole(law) = law_of("orthogonal", &gate).unwrap() else { panic!("a structure") };
        let mut alone = vec![0.0; 36];
        law.prepare(Stream::new(4, &gate.name)).fill(&Region::All, &mut alone);
        assert_eq!(found[3 * 24 + 36..3 * 24 + 72], alone);
        assert!(found[3 * 60..].iter().all(|b| *b == 0.0), "a GRU has no forget gate");
    }

    #[test]
    fn the_forget_bias_of_mxnet_counts_twice() {
        let count = |call: &str| values(call, "p", &[40 * 17]).into_iter().filter(|v| *v == 1.0).count();
        assert_eq!(count("mxnet:FusedRNN(init=zeros, num_hidden=10, num_layers=1, mode=lstm)"), 20);
        assert_eq!(count("packed_rnn(units=10, weight=zeros)"), 10);
        assert_eq!(count("mxnet:RNNFused(state_size=10, num_layers=1, mode=lstm)"), 0);
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let law = |call: &str, len: u64| law_of(call, &Param::new("p", &[len], Dtype::F32, Role::Weight, of_vector()));
        assert!(law("packed_rnn(units=10)", 40 * 17).is_ok());
        for (call, len) in [("units=10", 679), ("units=10", 480), ("layers=2", 680), ("units=0", 680), ("units=10, layers=0", 680)] {
            assert!(law(&format!("packed_rnn({call})"), len).is_err(), "{call}");
        }
        let absurd = "packed_rnn(units=18446744073709551615, layers=1000, bidirectional=true)";
        assert!(law(absurd, 1 << 40).unwrap_err().to_string().contains("layers"));
        assert!(law("packed_rnn(units=10, layers=18446744073709551615)", 680).is_err());
    }
}
