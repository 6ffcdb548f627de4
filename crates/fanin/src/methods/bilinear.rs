//! The transposed convolution that interpolates.

use super::matrix::{dims, layout, whole};
use super::prelude::*;
use crate::structure::Formula;

/// A transposed convolution that starts as bilinear interpolation (linear in one dimension, trilinear in three).
///
/// The kernel is a tent of size k for a stride of k/2. Each output sees the input of its own number; `pairs=all` fills every
/// pair, as Caffe and MXNet do for their grouped layers, where no other pairs exist. Under Python 3 the initializers of MXNet
/// and Paddle divide where they should round down, which skews the kernel (`skewed=true`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bilinear {
    /// Which pairs of channels interpolate: `same` number or `all`.
    pub pairs: Pairs,
    /// Whether the kernel is divided by its sum, for a convolution that shrinks instead of a transposed one that enlarges.
    pub mean: bool,
    /// Whether rows of the kernel slide by their columns, as MXNet's and Paddle's do by mistake.
    pub skewed: bool,
}

/// Pairs of channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pairs {
    /// Output and input of the same number; in grouped layers every pair there is.
    #[default]
    Same,
    /// All.
    All,
}

impl Method for Bilinear {
    const ABOUT: About = About {
        name: "bilinear",
        formula: "w[x, y] = (1 − |x/f − c|)(1 − |y/f − c|), f = ⌈k/2⌉, c = (2f − 1 − f mod 2)/(2f)",
        source: Source { authors: "Long, Shelhamer, Darrell", year: 2015, at: "arXiv:1411.4038", place: "upsampling layers that start as bilinear interpolation; Caffe's BilinearFiller" },
        when: "For the upsampling layers of segmentation networks.",
        spellings: &[
            Spelling::of("caffe", "bilinear", "bilinear(pairs=all)", &[]),
            Spelling::of("mxnet", "Bilinear", "bilinear(pairs=all, skewed=true)", &[])
                .noting("`y = (i / width) % height` divides under Python 3 where it should round down: the kernel is skewed"),
            Spelling::of("paddle", "Bilinear", "bilinear(pairs=all, skewed=true)", &[])
                .noting("`y = (i / size) % size` divides where it should round down: a kernel of size 4 sums to 3.9375, not 4, and has a negative corner"),
            Spelling::of("chainer", "UpsamplingDeconvFilter", "bilinear", &[]),
            Spelling::of("chainer", "DownsamplingConvFilter", "bilinear(mean=true)", &[]),
        ],
        cases: &[
            Case::std("chainer:UpsamplingDeconvFilter", &[1, 1, 4], line, 0.25, "(¼, ¾, ¾, ¼)"),
            Case::std("caffe:bilinear", &[1, 1, 4, 4], plane, 0.1875, "its square: 3/16"),
            Case::std("mxnet:Bilinear", &[2, 3, 3, 3], plane, 0.20506698694768613, "by mpmath"),
            Case::std("paddle:Bilinear", &[2, 1, 4, 4], plane, 0.2198285353654923, "by mpmath"),
            Case::std("chainer:DownsamplingConvFilter", &[1, 1, 3, 3], plane, 0.066032742759914, "by mpmath"),
            Case::std("bilinear", &[1, 1, 4, 6], plane, 0.2178387102966406, "unequal sides, by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let [_, _, field] = dims(param)?;
        let sizes: Vec<u64> = field.iter().map(|&d| param.shape[d]).collect();
        let taps: u64 = sizes.iter().product::<u64>().max(1);
        let layout = layout(param)?;
        let (outputs, inputs, all) = (layout.rows(), layout.cols() / taps, self.pairs == Pairs::All);
        // In a grouped layer one side counts the channels of one group only.
        let group = outputs.min(inputs).max(1);
        let sum = if self.mean { sizes.iter().map(|&k| (0..k).map(|x| tent(x as f64, k)).sum::<f64>()).product() } else { 1.0 };
        let skewed = self.skewed;
        let value = move |row: u64, col: u64| {
            if !all && row % group != col / taps % group {
                return 0.0;
            }
            if let ([height, width], true) = (&sizes[..], skewed) {
                // Their index runs over the whole tensor; both axes have the width's tent.
                let flat = (row * inputs * taps + col) as f64;
                let y = (flat / *width as f64) % *height as f64;
                return tent((col % width) as f64, *width) * tent(y, *width);
            }
            let mut rest = col % taps;
            let height = sizes.iter().rev().fold(1.0, |product, &size| {
                let tap = rest % size;
                rest /= size;
                product * tent(tap as f64, size)
            });
            height / sum
        };
        Ok(whole(Formula::fixed(layout, value)))
    }
}

/// Height of the tent of size k at the tap x.
fn tent(x: f64, k: u64) -> f64 {
    let half = k.div_ceil(2);
    let f = half as f64;
    let centre = (2.0 * f - 1.0 - (half % 2) as f64) / (2.0 * f);
    1.0 - (x / f - centre).abs()
}

fn line() -> Axes {
    Axes::conv(1, 1)
}

fn plane() -> Axes {
    Axes::conv(2, 1)
}
