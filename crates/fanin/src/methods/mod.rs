//! [`Method`]: a published formula, from a parameter to a law. One file each; [`METHODS`] lists them all.
//!
//! To add one: write its file, and add one word to the list below.

mod about;
mod elsewhere;
mod form;
mod matrix;
mod prelude;
mod resolve;

pub use about::{About, Case, Expect, Source, Spelling};
pub use elsewhere::elsewhere;
pub use form::Form;
pub use resolve::{Resolved, resolve};

use crate::error::Refusal;
use crate::law::Law;
use crate::param::Param;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A published initializer: a formula that gives a parameter its law.
///
/// Its fields are its arguments, their doc comments the arguments' documentation, [`Default`] their defaults. The type's
/// doc comment is its page in `fanin explain` and in the docs.
pub trait Method: Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Everything about it but the formula itself.
    const ABOUT: About;

    /// The law that it gives `param`: one logical tensor, or the stored one where [`Method::by_part`] says no.
    ///
    /// # Errors
    /// If the parameter lacks what the method needs, or an argument makes no sense.
    fn law(&self, param: &Param) -> Result<Law, Refusal>;

    /// Whether each part of a fused or stacked parameter has a law of its own. A framework that sees one tensor does not
    /// know its parts, so the methods that count as a framework does say no.
    fn by_part(&self) -> bool {
        true
    }

    /// The label of the part whose random numbers this one draws, where two parts of a parameter belong together: the bias
    /// of an input gate is the negative of the forget gate's. `None` gives every part its own.
    fn draws_as(&self, _: &Param) -> Option<String> {
        None
    }
}

/// A method with its arguments set, its type forgotten.
pub trait AnyMethod: Send + Sync {
    /// The law that it gives `param`.
    ///
    /// # Errors
    /// As [`Method::law`].
    fn law(&self, param: &Param) -> Result<Law, Refusal>;

    /// As [`Method::by_part`].
    fn by_part(&self) -> bool;

    /// As [`Method::draws_as`].
    fn draws_as(&self, param: &Param) -> Option<String>;

    /// All arguments with their values.
    fn args(&self) -> Map<String, Value>;
}

impl<M: Method> AnyMethod for M {
    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        Method::law(self, param)
    }

    fn by_part(&self) -> bool {
        Method::by_part(self)
    }

    fn draws_as(&self, param: &Param) -> Option<String> {
        Method::draws_as(self, param)
    }

    fn args(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(args)) => args,
            _ => Map::new(),
        }
    }
}

/// Makes a method from its arguments.
type Make = fn(Map<String, Value>) -> Result<Box<dyn AnyMethod>, serde_json::Error>;

/// One line of [`METHODS`].
#[derive(Clone, Copy)]
pub struct Entry {
    about: fn() -> About,
    make: Make,
    schema: fn() -> Schema,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({})", self.about().name)
    }
}

impl Entry {
    const fn of<M: Method>() -> Entry {
        Entry {
            about: || M::ABOUT,
            make: |args| Ok(Box::new(serde_json::from_value::<M>(Value::Object(args))?)),
            schema: || schemars::schema_for!(M),
        }
    }

    /// What is known about the method.
    pub fn about(&self) -> About {
        (self.about)()
    }

    /// The method with these arguments.
    ///
    /// # Errors
    /// If an argument is unknown or has the wrong type.
    pub fn make(&self, args: Map<String, Value>) -> Result<Box<dyn AnyMethod>, serde_json::Error> {
        (self.make)(args)
    }

    /// JSON schema of the arguments; its description is the method's page.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// The page: the type's doc comment.
    pub fn page(&self) -> String {
        let schema = self.schema();
        schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

macro_rules! registry {
    ($($file:ident: $method:ident),+ $(,)?) => {
        $(mod $file; pub use $file::$method;)+

        /// Every method, in the order in which people see them.
        pub static METHODS: &[Entry] = &[$(Entry::of::<$method>()),+];

        /// The source files that are listed.
        #[cfg(test)]
        const FILES: &[&str] = &[$(stringify!($file)),+];
    };
}

registry! {
    zeros: Zeros,
    ones: Ones,
    constant: Constant,
    uniform: Uniform,
    normal: Normal,
    truncated: Truncated,
    small_random: SmallRandom,
    lecun: LeCun,
    glorot: Glorot,
    he: He,
    variance_scaling: VarianceScaling,
    sinusoidal: Sinusoidal,
    siren: Siren,
    vi3nr: Vi3nr,
    complex: Complex,
    orthogonal: Orthogonal,
    hadamard_orthogonal: HadamardOrthogonal,
    henaff: Henaff,
    np_rnn: NpRnn,
    delta_orthogonal: DeltaOrthogonal,
    conv_orthogonal: ConvOrthogonal,
    mirrored: Mirrored,
    dirac: Dirac,
    conv_covariance: ConvCovariance,
    identity: Identity,
    depth_scaled: DepthScaled,
    small_init: SmallInit,
    wang_init: WangInit,
    mitchell: Mitchell,
    lingua: Lingua,
    mimetic: Mimetic,
    deepnorm: DeepNorm,
    sub_ln: SubLn,
    ds_init: DsInit,
    t_fixup: TFixup,
    fixup: Fixup,
    risotto: Risotto,
    layer_scale: LayerScale,
    admin: Admin,
    spectral: Spectral,
    mup: Mup,
    mean_field: MeanField,
    sussillo_abbott: SussilloAbbott,
    tat_slope: TatSlope,
    tanh_fixed_point: TanhFixedPoint,
    zero_2022: Zero2022,
    idinit: IdInit,
    impulse: Impulse,
    bilinear: Bilinear,
    icnr: Icnr,
    sparse: Sparse,
    unit_norm: UnitNorm,
    positive_unitball: PositiveUnitball,
    nguyen_widrow: NguyenWidrow,
    padded: Padded,
    sinusoidal_2025: Sinusoidal2025,
    rotary: Rotary,
    sinusoid_positions: SinusoidPositions,
    sinusoid_grid: SinusoidGrid,
    position_ids: PositionIds,
    causal_mask: CausalMask,
    alibi_slopes: AlibiSlopes,
    relative_position_index: RelativePositionIndex,
    sampling_offsets: SamplingOffsets,
    stft: Stft,
    linspace: Linspace,
    forget_bias: ForgetBias,
    chrono: Chrono,
    packed_rnn: PackedRnn,
    prior_bias: PriorBias,
    yolo_bias: YoloBias,
    class_prior: ClassPrior,
    output_mean: OutputMean,
    lora_a: LoraA,
    lora_orthogonal: LoraOrthogonal,
    fourier_features: FourierFeatures,
    random_features: RandomFeatures,
    rwf: Rwf,
    kan: Kan,
    hypernetwork: Hypernetwork,
    g_init: GInit,
    s4d_real: S4dReal,
    s4d: S4d,
    lru: Lru,
    rwkv: Rwkv,
    hippo: Hippo,
    dt_bias: DtBias,
    log_of_uniform: LogOfUniform,
    power_ramp: PowerRamp,
    zigzag: Zigzag,
    parts: Parts,
}

#[cfg(test)]
mod tests;
