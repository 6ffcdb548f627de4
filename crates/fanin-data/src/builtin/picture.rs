//! A picture as a function of its coordinates, for networks that are to become one.

use crate::array::Array;
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::task::{Inferred, Task};
use crate::wanted::Wanted;
use fanin::numerics::{cos_pi, tanh};

/// Points along a side where nobody says how many.
const SIDE: usize = 48;

/// Rings per unit of the squared distance from the middle: 6 periods a unit at the edge, 8.5 in the corners, where 48 points along
/// a side can show 11.75.
const RINGS: f64 = 6.0;

/// How steep the edge of the disc is: from dark to bright over about a point of 48.
const STEEP: f64 = 40.0;

/// Each row is a place, two numbers from −1 to 1, and the answer the brightness there, from −1 to 1, one for each output of the
/// model. The places of a square grid are for training; those in the middle between four of them, for testing.
pub(super) fn make(options: &Options, wanted: Option<&Wanted>) -> Result<Raw, DataError> {
    let side = options.length.unwrap_or(SIDE);
    let channels = wanted.and_then(Wanted::outputs).or(options.classes).unwrap_or(1);
    if !(2..=1024).contains(&side) || !(1..=4).contains(&channels) {
        let wrong = format!("a picture of {side}x{side} points and {channels} colours is asked for");
        let remedy = "Change `length=` or the model's outputs.";
        return Err(DataError::new(wrong, "2 to 1024 points along a side and 1 to 4 colours", remedy));
    }
    let step = 2.0 / (side - 1) as f64;
    let grid = |count: usize, shift: f64| {
        (0..count * count).map(move |i| [i / count, i % count].map(|at| (at as f64 + shift) * step - 1.0))
    };
    let places: Vec<[f64; 2]> = grid(side, 0.0).chain(grid(side - 1, 0.5)).collect();
    let x = places.iter().flatten().map(|&v| v as f32).collect();
    let y =
        places.iter().flat_map(|&[y, x]| (0..channels).map(move |channel| brightness(x, y, channel) as f32)).collect();
    let rows = places.len();
    let task =
        Some(Inferred { task: Task::Regression { outputs: channels }, because: "brightness is a number".to_owned() });
    let raw = Raw::new(Array::f32(&[rows, 2], x), Array::f32(&[rows, channels], y));
    Ok(Raw { task, train: Some(side * side), ..raw })
}

/// Rings that become finer outwards, under a bright disc with a soft edge; in each colour the rings are moved by a third.
fn brightness(x: f64, y: f64, channel: usize) -> f64 {
    let rings = 0.8 * cos_pi(RINGS * (x * x + y * y) + 2.0 * channel as f64 / 3.0);
    let (dx, dy) = (x + 0.35, y - 0.3);
    let disc = 0.5 + 0.5 * tanh(STEEP * (0.16 - dx * dx - dy * dy));
    rings + disc * (0.9 - rings)
}
