//! Pictures with zeros around them, and where windows and taps stand in them.

use crate::element::Float;
use crate::tile::{Offsets, Scratch};
use crate::window::{Axis, Geometry};
use std::ops::Range;

/// A picture in a frame of zeros, so that no window reaches beyond it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    picture: [usize; 3],
    before: [usize; 3],
    size: [usize; 3],
}

/// A channel or a plane of numbers, in its frame or as it stands.
pub(super) enum Framed<'a, T: Float> {
    Bare(&'a [T]),
    Copied(Scratch<T>),
}

impl<T: Float> Framed<'_, T> {
    pub(super) fn data(&self) -> &[T] {
        match self {
            Framed::Bare(data) => data,
            Framed::Copied(data) => data,
        }
    }
}

impl Frame {
    /// For the windows of a convolution over its picture.
    pub(super) fn of_picture(geometry: &Geometry) -> Frame {
        let size = |a: Axis| (a.before + a.input).max((a.output - 1) * a.stride + a.extent());
        Frame {
            picture: geometry.axes.map(|a| a.input),
            before: geometry.axes.map(|a| a.before),
            size: geometry.axes.map(size),
        }
    }

    /// For the result, as the gradient of the picture reads it: up to `reach` before, and as far behind as the picture's
    /// last element needs.
    pub(super) fn of_result(geometry: &Geometry) -> Frame {
        let size = |a: Axis| reach(&a) + a.output.max((a.input - 1 + a.before) / a.stride + 1);
        Frame {
            picture: geometry.axes.map(|a| a.output),
            before: geometry.axes.map(|a| reach(&a)),
            size: geometry.axes.map(size),
        }
    }

    /// Elements of a framed plane; `None` if they are too many to count.
    pub(super) fn plane(&self) -> Option<usize> {
        self.size.iter().try_fold(1usize, |n, &size| n.checked_mul(size))
    }

    /// Elements from plane to plane, from row to row and from element to element.
    fn steps(&self) -> [usize; 3] {
        [self.size[1] * self.size[2], self.size[2], 1]
    }

    /// Puts pictures into frames, if there is anything to add.
    pub(super) fn around<'a, T: Float>(&self, x: &'a [T], channels: usize) -> Framed<'a, T> {
        if self.size == self.picture {
            return Framed::Bare(x);
        }
        let plane: usize = self.size.iter().product();
        let mut out = Scratch::new(channels * plane);
        out.fill(T::ZERO);
        let ([depth, height, width], [front, above, left]) = (self.picture, self.before);
        let lines = x.chunks(width.max(1)).enumerate();
        for (i, line) in lines {
            let (channel, z, y) = (i / height / depth, i / height % depth, i % height);
            let at = channel * plane + ((front + z) * self.size[1] + above + y) * self.size[2] + left;
            out[at..at + width].copy_from_slice(line);
        }
        Framed::Copied(out)
    }

    /// Where the first tap of every window stands.
    pub(super) fn windows(&self, geometry: &Geometry) -> Offsets {
        let lists = geometry.axes.map(|a| (0..a.output).map(|i| i * a.stride).collect::<Vec<_>>());
        self.sums(1, &lists)
    }

    /// Where the taps stand of a window at the beginning, in every channel.
    pub(super) fn taps(&self, geometry: &Geometry, channels: usize) -> Offsets {
        let lists = geometry.axes.map(|a| (0..a.kernel).map(|i| i * a.dilation).collect::<Vec<_>>());
        self.sums(channels, &lists)
    }

    /// For places along the axes, in every channel, where they stand.
    pub(super) fn sums(&self, channels: usize, along: &[Vec<usize>; 3]) -> Offsets {
        let ([down, over, _], plane) = (self.steps(), self.size.iter().product::<usize>());
        let mut places = Vec::with_capacity(channels * along.iter().map(Vec::len).product::<usize>());
        for channel in 0..channels {
            for z in &along[0] {
                for y in &along[1] {
                    places.extend(along[2].iter().map(|x| channel * plane + z * down + y * over + x));
                }
            }
        }
        Offsets::new(places)
    }
}

/// How many windows before the last that sees it an element of the picture can be seen.
fn reach(axis: &Axis) -> usize {
    (axis.kernel - 1) * axis.dilation / axis.stride
}

/// Elements of the picture that are seen through the same taps: those whose places, padding included, leave the same rest
/// when they are divided by the strides.
#[derive(Debug)]
pub(super) struct Phase {
    /// Along each axis: places in the picture.
    pub(super) places: [Vec<usize>; 3],
    /// Along each axis: the first window in question, counted in the frame of the result.
    windows: [Vec<usize>; 3],
    /// Along each axis: taps.
    pub(super) taps: [Vec<usize>; 3],
    /// Along each axis: how much further the window of a tap stands, in the frame.
    back: [Vec<usize>; 3],
}

impl Phase {
    /// All phases of a convolution; every element of the picture is in one.
    pub(super) fn all(geometry: &Geometry) -> Vec<Phase> {
        let [z, y, x] = geometry.axes.map(|axis| along(&axis));
        let mut all = Vec::with_capacity(z.len() * y.len() * x.len());
        for z in &z {
            for y in &y {
                for x in &x {
                    let three = |of: fn(&Line) -> &Vec<usize>| [of(z).clone(), of(y).clone(), of(x).clone()];
                    all.push(Phase {
                        places: three(|l| &l.places),
                        windows: three(|l| &l.windows),
                        taps: three(|l| &l.taps),
                        back: three(|l| &l.back),
                    });
                }
            }
        }
        all
    }

    /// Offsets of the elements, and of channels and taps, in the frame of the result.
    pub(super) fn offsets(&self, frame: &Frame, channels: usize) -> [Offsets; 2] {
        [frame.sums(1, &self.windows), frame.sums(channels, &self.back)]
    }

    /// The numbers of the taps in the kernel.
    pub(super) fn taps(&self, geometry: &Geometry) -> Vec<usize> {
        let [_, y, x] = geometry.axes.map(|a| a.kernel);
        flat(&self.taps, [y, x])
    }

    /// The places of elements `range` of the phase in the picture.
    pub(super) fn places(&self, geometry: &Geometry, range: Range<usize>) -> impl Iterator<Item = usize> {
        let [_, y, x] = geometry.axes.map(|a| a.input);
        let [_, rows, columns] = [0, 1, 2].map(|i| self.places[i].len());
        range.map(move |i| {
            let at = [i / columns / rows, i / columns % rows, i % columns];
            let [pz, py, px] = [0, 1, 2].map(|axis| self.places[axis][at[axis]]);
            (pz * y + py) * x + px
        })
    }
}

fn flat(along: &[Vec<usize>; 3], [y, x]: [usize; 2]) -> Vec<usize> {
    let mut all = Vec::new();
    for a in &along[0] {
        for b in &along[1] {
            all.extend(along[2].iter().map(|c| (a * y + b) * x + c));
        }
    }
    all
}

/// A phase along one axis.
struct Line {
    places: Vec<usize>,
    windows: Vec<usize>,
    taps: Vec<usize>,
    back: Vec<usize>,
}

/// Those that have elements.
fn along(axis: &Axis) -> Vec<Line> {
    let rests = (0..axis.stride.min(axis.input)).map(|i| (i + axis.before) % axis.stride);
    rests
        .map(|rest| {
            let places: Vec<usize> = (0..axis.input).filter(|p| (p + axis.before) % axis.stride == rest).collect();
            let taps: Vec<usize> = (0..axis.kernel).filter(|t| t * axis.dilation % axis.stride == rest).collect();
            Line {
                windows: places.iter().map(|p| (p + axis.before) / axis.stride).collect(),
                back: taps.iter().map(|t| reach(axis) - t * axis.dilation / axis.stride).collect(),
                places,
                taps,
            }
        })
        .collect()
}
