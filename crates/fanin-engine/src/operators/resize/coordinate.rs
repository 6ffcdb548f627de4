//! Where in the picture an element of the result looks.

use crate::setup::Setup;
use fanin::Refusal;

/// What happens along one dimension.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) scale: f64,
    /// Start and end of the part that is looked at, as shares of the dimension.
    pub(super) roi: [f64; 2],
}

impl Along {
    /// A dimension that stays.
    pub(super) fn same(size: usize) -> Along {
        Along { input: size, output: size, scale: 1.0, roi: [0.0, 1.0] }
    }

    pub(super) fn is_same(&self) -> bool {
        self.input == self.output && self.scale == 1.0 && self.roi == [0.0, 1.0]
    }
}

/// How an index of the result becomes a place in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coordinates {
    /// Centres of elements lie on centres.
    HalfPixel,
    /// The same, around the middle of the picture where its size was rounded.
    HalfPixelSymmetric,
    /// As `HalfPixel`, but a single element looks at the first.
    PytorchHalfPixel,
    /// The first and the last lie on the first and the last.
    AlignCorners,
    /// The first lies on the first.
    Asymmetric,
    /// Half a pixel behind.
    TfHalfPixel,
    /// A part of the picture.
    Crop,
}

impl Coordinates {
    pub(super) fn read(setup: &Setup<'_>) -> Result<Coordinates, Refusal> {
        Ok(match setup.text("coordinate_transformation_mode", "half_pixel")? {
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_half_pixel_for_nn" => Coordinates::TfHalfPixel,
            "tf_crop_and_resize" => Coordinates::Crop,
            other => {
                let expected = "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric, \
                                tf_half_pixel_for_nn or tf_crop_and_resize";
                return Err(Setup::refuse("coordinate_transformation_mode", other, expected));
            }
        })
    }

    /// The place of element `i` of the result.
    pub(super) fn of(self, i: usize, along: &Along) -> f64 {
        let (at, input, output) = (i as f64, along.input as f64, along.output as f64);
        let half = (at + 0.5) / along.scale - 0.5;
        match self {
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners if along.output <= 1 => 0.0,
            Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => half,
            Coordinates::HalfPixelSymmetric => half + input / 2.0 * (1.0 - output / (input * along.scale)),
            // The suite of ONNX divides by the size before it is rounded.
            Coordinates::AlignCorners => at * (input - 1.0) / (input * along.scale - 1.0),
            Coordinates::Asymmetric => at / along.scale,
            Coordinates::TfHalfPixel => (at + 0.5) / along.scale,
            Coordinates::Crop if along.output <= 1 => 0.5 * (along.roi[0] + along.roi[1]) * (input - 1.0),
            Coordinates::Crop => (along.roi[0] + at * (along.roi[1] - along.roi[0]) / (output - 1.0)) * (input - 1.0),
        }
    }
}

/// Which neighbour is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// The nearest; halfway, the one before.
    PreferFloor,
    /// The nearest; halfway, the one behind.
    PreferCeil,
    /// The one before.
    Floor,
    /// The one behind.
    Ceil,
}

impl Round {
    pub(super) fn read(setup: &Setup<'_>) -> Result<Round, Refusal> {
        Ok(match setup.text("nearest_mode", "round_prefer_floor")? {
            "round_prefer_floor" => Round::PreferFloor,
            "round_prefer_ceil" => Round::PreferCeil,
            "floor" => Round::Floor,
            "ceil" => Round::Ceil,
            other => {
                return Err(Setup::refuse(
                    "nearest_mode",
                    other,
                    "round_prefer_floor, round_prefer_ceil, floor or ceil",
                ));
            }
        })
    }

    pub(super) fn of(self, at: f64) -> f64 {
        match self {
            Round::PreferFloor => (at - 0.5).ceil(),
            Round::PreferCeil => (at + 0.5).floor(),
            Round::Floor => at.floor(),
            Round::Ceil => at.ceil(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_where_the_mode_says() {
        let of = |at: f64| [Round::PreferFloor, Round::PreferCeil, Round::Floor, Round::Ceil].map(|round| round.of(at));
        assert_eq!(of(1.5), [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(of(1.25), [1.0, 1.0, 1.0, 2.0]);
        assert_eq!(of(1.75), [2.0, 2.0, 1.0, 2.0]);
    }

    #[test]
    fn corners_and_centres_lie_where_they_should() {
        let along = Along { input: 4, output: 8, scale: 2.0, roi: [0.25, 0.75] };
        let ends = |coordinates: Coordinates| [coordinates.of(0, &along), coordinates.of(7, &along)];
        assert_eq!(ends(Coordinates::HalfPixel), [-0.25, 3.25]);
        assert_eq!(ends(Coordinates::HalfPixelSymmetric), [-0.25, 3.25]);
        assert_eq!(ends(Coordinates::AlignCorners), [0.0, 3.0]);
        assert_eq!(ends(Coordinates::Asymmetric), [0.0, 3.5]);
        assert_eq!(ends(Coordinates::TfHalfPixel), [0.25, 3.75]);
        assert_eq!(ends(Coordinates::Crop), [0.75, 2.25]);
        let one = Along { input: 4, output: 1, scale: 0.25, roi: [0.0, 1.0] };
        assert_eq!(Coordinates::PytorchHalfPixel.of(0, &one), 0.0);
        assert_eq!(Coordinates::HalfPixel.of(0, &one), 1.5);
        // 3 · 0.5 is 1.5: one element, whose centre is still the middle.
        let rounded = Along { input: 3, output: 1, scale: 0.5, roi: [0.0, 1.0] };
        assert_eq!(Coordinates::HalfPixelSymmetric.of(0, &rounded), 1.0);
    }
}
