//! [`Name`]: the things that can be wrong with a network before it is trained, each with its measure, its healthy range
//! and who says so. The one home of every threshold.

use super::{Healthy, Severity};
use serde::Serialize;
use std::fmt;

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $severity:ident, $quantity:literal, $healthy:expr, $source:literal;)+) => {
        /// What a finding is called. The order is that of causes: what stands first explains what stands later.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Name {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl Name {
            /// Every name, in the order of causes.
            pub const ALL: &[Name] = &[$(Name::$variant),+];

            /// The name as it is written.
            pub fn name(self) -> &'static str {
                match self { $(Name::$variant => $name,)+ }
            }

            /// What it means, in a sentence.
            pub fn about(self) -> &'static str {
                match self { $(Name::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Name::$variant => Severity::$severity,)+ }
            }

            /// What is measured.
            pub fn quantity(self) -> &'static str {
                match self { $(Name::$variant => $quantity,)+ }
            }

            /// Where the measure should be, before anything that a small sample or a narrow network excuses.
            pub fn healthy(self) -> Healthy {
                match self { $(Name::$variant => $healthy,)+ }
            }

            /// Where the range comes from.
            pub fn source(self) -> &'static str {
                match self { $(Name::$variant => $source,)+ }
            }
        }
    };
}

names! {
    /// Numbers that are infinite or no numbers at all.
    NonFinite "non_finite" Error, "elements that are not finite", Healthy::below(0.0),
        "arithmetic: whatever they touch is lost";
    /// Units of a layer that have the same incoming and the same outgoing weights: they get the same gradient, and stay
    /// one unit for ever.
    Symmetric "symmetric" Error, "units that have a twin, as a share", Healthy::below(0.0),
        "Rumelhart, Hinton, Williams 1986, \"Learning internal representations by error propagation\", p. 330";
    /// Two parameters that hold the same random numbers.
    Identical "identical" Warning, "parameters with the same numbers", Healthy::below(0.0),
        "independent weights are what every analysis of initialization assumes (Poole et al. 2016, arXiv:1606.05340)";
    /// The spread of a weight is not the one that its plan says, or none that any method gives.
    WrongScale "wrong_scale" Warning, "standard deviation / expected", Healthy::between(1.0, 1.0),
        "the law's variance, and the spread of a sample's (bounds from the number of elements)";
    /// The mean of a weight is not the one that its plan says.
    OffCentre "off_centre" Warning, "mean − expected, in standard errors", Healthy::between(0.0, 0.0),
        "the law's mean, and the spread of a sample's (bounds from the number of elements)";
    /// Elements beyond the ends of their law.
    OutOfBounds "out_of_bounds" Warning, "elements beyond the law's bounds", Healthy::below(0.0),
        "the law itself";
    /// A constant parameter that has other values.
    NotConstant "not_constant" Warning, "elements that differ from the constant", Healthy::below(0.0),
        "the plan";
    /// Elements piled up at their largest or smallest value: cut off where they should have been drawn anew.
    Clipped "clipped" Warning, "share of elements at an end", Healthy::below(0.005),
        "a continuous law has no atoms";
    /// Units that no input reaches, because all of their weights are zero.
    ZeroRows "zero_rows" Warning, "units whose weights are all zero", Healthy::below(0.0),
        "more than the law declares; they start dead";
    /// Units with the same weights as another one.
    RepeatedRows "repeated_rows" Warning, "units with the weights of another", Healthy::below(0.0),
        "more than the law declares";
    /// A matrix whose rows point into few directions.
    LowRank "low_rank" Warning, "effective rank / possible rank", Healthy::above(0.3),
        "Roy & Vetterli 2007, EUSIPCO, def. 1 (effective rank)";
    /// Elements so small that the type stores them with few digits, or loses them.
    Subnormal "subnormal" Warning, "share of elements below the type's normal range", Healthy::below(0.05),
        "IEEE 754: below its normal range a type loses a bit with every halving";
    /// Inputs whose numbers are far from 1: formulas for initial weights take inputs of second moment 1, and a learning rate
    /// that suits large features leaves small ones where they are.
    UnscaledInputs "unscaled_inputs" Warning, "root mean square of an input's largest feature", Healthy::between(0.1, 10.0),
        "LeCun, Bottou, Orr, Müller 1998, \"Efficient BackProp\", §4.3: mean 0 and one variance for all; the range is ours";
    /// The signal shrinks from layer to layer.
    Fading "fading" Error, "second moment, relative to the chain's first layer", Healthy::between(0.1, 10.0),
        "He et al. 2015, arXiv:1502.01852; Mishkin & Matas 2016, arXiv:1511.06422";
    /// The signal grows from layer to layer.
    Exploding "exploding" Error, "second moment, relative to the chain's first layer", Healthy::between(0.1, 10.0),
        "He et al. 2015, arXiv:1502.01852; Mishkin & Matas 2016, arXiv:1511.06422";
    /// The residual stream grows faster than one unit of variance a block.
    ResidualGrowth "residual_growth" Warning, "variance after the last block / before the first", Healthy::below(1.0),
        "Hanin & Rolnick 2018, arXiv:1803.01719; Zhang et al. 2019, arXiv:1901.09321: growth of at most the number of blocks";
    /// Different inputs look alike to the network.
    Collapsed "collapsed" Error, "cosine between different inputs", Healthy::below(0.95),
        "Schoenholz et al. 2017, arXiv:1611.01232; above 0.99 nothing tells them apart";
    /// The features of a batch span few directions.
    RankCollapse "rank_collapse" Error, "effective rank / samples or units", Healthy::above(0.1),
        "Daneshmand et al. 2020, arXiv:2003.01652; Roy & Vetterli 2007";
    /// Small differences of the input grow from layer to layer, although the signal keeps its scale.
    Chaotic "chaotic" Warning, "growth of a gradient for each layer (χ)", Healthy::between(0.98, 1.02),
        "Poole et al. 2016, arXiv:1606.05340; above 1.1 the network is chaotic";
    /// Rectified units that no sample of the batch turns on.
    Dead "dead" Warning, "share of units that are off for every sample", Healthy::below(0.1),
        "Lu et al. 2019, arXiv:1903.06733; above 0.3 a layer is lost";
    /// Units in the flat part of their activation.
    Saturated "saturated" Warning, "share of saturated activations", Healthy::below(0.05),
        "Glorot & Bengio 2010; |tanh| > 0.97, σ outside [0.03, 0.97]";
    /// Gradients shrink on their way to the first layer.
    VanishingGradient "vanishing_gradient" Error, "gradient energy at the first layer / at the last", Healthy::between(0.1, 10.0),
        "Glorot & Bengio 2010; Hochreiter 1991: below 1e-3 the first layers hardly learn";
    /// Gradients grow on their way to the first layer.
    ExplodingGradient "exploding_gradient" Error, "gradient energy at the first layer / at the last", Healthy::between(0.1, 10.0),
        "Glorot & Bengio 2010; Pascanu et al. 2013, arXiv:1211.5063: above 1e3 steps are of any size";
    /// Layers would move at very different rates under one learning rate.
    UnevenUpdates "uneven_updates" Warning, "largest / smallest of √(mean g² / mean w²)", Healthy::below(10.0),
        "Krähenbühl et al. 2016, arXiv:1511.06856; above 1e3 one learning rate does not fit all";
    /// The derivative of the output with respect to the input is nearly singular.
    IllConditioned "ill_conditioned" Warning, "largest / smallest singular value of the input–output Jacobian", Healthy::below(1000.0),
        "Pennington, Schoenholz, Ganguli 2017, arXiv:1711.04735";
    /// The output is confident before anything was learned.
    HeadOverconfident "head_overconfident" Warning, "loss / loss of an uninformed guess", Healthy::below(1.1),
        "a zero head gives 1; above 1.5 the first steps only shrink the head";
    /// Attention that looks at few places before anything was learned.
    PeakedAttention "peaked_attention" Warning, "entropy of the attention / of an even one", Healthy::between(0.8, 1.0),
        "Zhai et al. 2023, arXiv:2303.06296: entropy collapse";
    /// Signals after some steps depend on the width of the network, so its learning rate does, too.
    WidthDependent "width_dependent" Warning, "slope of ln |output| over ln width after some steps", Healthy::between(-0.1, 0.1),
        "Yang et al. 2022, arXiv:2203.03466, app. D.1 (coordinate check)";
}

impl Name {
    /// The name that a text is.
    pub fn named(text: &str) -> Option<Name> {
        Name::ALL.iter().copied().find(|name| name.name() == text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for (i, &name) in Name::ALL.iter().enumerate() {
            assert_eq!(Name::named(name.name()), Some(name));
            assert!(Name::ALL[..i].iter().all(|other| other.name() != name.name()), "{name}");
            assert!(name.about().ends_with('.') && !name.source().is_empty());
            assert_eq!(serde_json::to_string(&name).unwrap(), format!("\"{name}\""));
        }
    }
}
