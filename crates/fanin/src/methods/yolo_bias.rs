//! Output biases of YOLO's detectors.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::ln;
use crate::structure::Formula;

/// The output bias with which a YOLO detector expects a few objects in a picture, before it has seen one.
///
/// A head of stride s looks at (image/s)² places; with `objects` objects in a picture the chance of one at a place is their
/// quotient, and its logarithm (nearly the log-odds, as it is small) is the bias. `object` is the objectness of the versions with
/// anchors, `class` their class scores, `anchors` the whole bias of such a head (box numbers 0, objectness, classes, for every
/// anchor), `joint` the class scores of version 8 and later, which have no objectness. Give `objects` and `image` for pictures
/// that are fuller or larger than those of COCO at 640 pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct YoloBias {
    /// Which outputs: `object`, `class`, `anchors` or `joint`.
    pub part: Part,
    /// Stride s of the head: 8, 16 or 32. All but `class` need it.
    pub stride: Option<u64>,
    /// Number of classes. All but `object` need it.
    pub classes: Option<u64>,
    /// Objects in a picture; 8 for `object` and `anchors`, 5 for `joint`.
    pub objects: Option<f64>,
    /// Side of the picture, in pixels.
    pub image: f64,
}

/// Which outputs of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Whether there is an object.
    #[default]
    Object,
    /// What it is, given that there is one.
    Class,
    /// For each anchor four numbers of the box, objectness, and the classes.
    Anchors,
    /// Whether there is an object of a class.
    Joint,
}

impl Default for YoloBias {
    fn default() -> YoloBias {
        YoloBias { part: Part::Object, stride: None, classes: None, objects: None, image: 640.0 }
    }
}

/// The chance of a class that the authors start from, times their number.
const SHARE: f64 = 0.6;
/// Keeps one class from being certain.
const ALMOST_ONE: f64 = 0.99999;

impl YoloBias {
    /// ln of the chance of an object at a place.
    fn object(&self, usual: f64) -> Result<f64, Refusal> {
        let stride = given(self.stride, "stride", "the stride of the head, in pixels")?;
        let objects = self.objects.unwrap_or(usual);
        require(objects > 0.0 && objects.is_finite(), "objects", objects, "a positive number")?;
        require(self.image >= stride && self.image.is_finite(), "image", self.image, "the stride or more")?;
        Ok(ln(objects / (self.image / stride * (self.image / stride))))
    }

    fn classes(&self) -> Result<f64, Refusal> {
        given(self.classes, "classes", "the number of classes")
    }

    fn class(&self) -> Result<f64, Refusal> {
        Ok(ln(SHARE / (self.classes()? - ALMOST_ONE)))
    }

    /// The whole bias of a head with anchors.
    fn anchors(&self, param: &Param) -> Result<Law, Refusal> {
        let (object, class, outputs) = (self.object(8.0)?, self.class()?, self.classes()? as u64 + 5);
        if !param.count()?.is_multiple_of(outputs) {
            return Err(Refusal::new(
                format!("{:?} is no number of anchors with {outputs} outputs each", param.shape),
                "4 numbers of the box, objectness and the classes, for every anchor",
                "Give the number of `classes`, or use `part=object` or `part=class`.",
            ));
        }
        let layout = table(param)?;
        let cols = layout.cols();
        Ok(whole(Formula::fixed(layout, move |row, col| match (row * cols + col) % outputs {
            0..4 => 0.0,
            4 => object,
            _ => class,
        })))
    }
}

impl Method for YoloBias {
    const ABOUT: About = About {
        name: "yolo_bias",
        formula: "object: ln(8/(640/s)²); class: ln(0.6/(C − 0.99999)); joint: ln(5/(C (640/s)²))",
        source: Source { authors: "Ultralytics", year: 2020, at: "yolov5 and later", place: "`_initialize_biases`, `bias_init`; after Lin et al. 2017, arXiv:1708.02002" },
        when: "For the last convolutions of a YOLO detector.",
        spellings: &[
            Spelling::of("yolov5", "obj_bias", "yolo_bias", &[("stride", "stride")]),
            Spelling::of("yolov5", "cls_bias", "yolo_bias(part=class)", &[("nc", "classes")])
                .noting("older versions have 0.99 or 0.999999 for 0.99999; these biases are added there to torch's U(±1/√fan_in)"),
            Spelling::of("yolov8", "cls_bias", "yolo_bias(part=joint)", &[("nc", "classes"), ("stride", "stride")]),
        ],
        cases: &[
            Case::value("yolo_bias(stride=8)", -6.684_611_727_667_927, "8 objects in 80 × 80 places: ln(8/6400)"),
            Case::value("yolov5:obj_bias(stride=32)", -3.912_023_005_428_146, "ln(8/400) = −ln 50"),
            Case::value("yolov5:cls_bias(nc=80)", -4.880_273_602_815_283, "ln(0.6/79.00001)"),
            Case::value("yolov8:cls_bias(nc=80, stride=8)", -11.536_641_991_587_544, "ln(5/80/6400)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        match self.part {
            Part::Object => each(Dist::Constant(self.object(8.0)?)),
            Part::Class => each(Dist::Constant(self.class()?)),
            Part::Joint => {
                let classes = self.classes()?;
                each(Dist::Constant(self.object(5.0)? - ln(classes)))
            }
            Part::Anchors => self.anchors(param),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Region, Role};

    #[test]
    fn the_bias_of_a_head_with_anchors_repeats_its_parts() {
        let head = YoloBias { part: Part::Anchors, stride: Some(32), classes: Some(2), ..YoloBias::default() };
        let bias = |outputs: u64| Param::new("b", &[outputs], Dtype::F32, Role::Bias, Axes::of(&[crate::axes::Axis::Out]));
        let Law::Whole(law) = head.law(&bias(21)).unwrap() else { panic!("a table") };
        let mut out = vec![0.0; 21];
        law.prepare(crate::stream::Stream::new(0, "b")).fill(&Region::All, &mut out);
        let (object, class) = ((8.0f64 / 400.0).ln() as f32, (0.6f64 / 1.00001).ln() as f32);
        let anchor = [0.0, 0.0, 0.0, 0.0, object, class, class];
        assert!(out.iter().zip(anchor.iter().cycle()).all(|(a, b)| (a - b).abs() < 1e-6), "{out:?}");
        assert!(head.law(&bias(22)).unwrap_err().to_string().contains("7 outputs"));
    }
}
