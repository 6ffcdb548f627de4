//! Windows that slide over pictures of one to three dimensions: where they stand, and what of them lies in the padding.

use crate::error::mismatch;
use crate::setup::Setup;
use fanin::Refusal;
use std::ops::Range;

/// The largest size, step or padding that is taken from a file: products of two stay far from overflow.
const LARGEST: i64 = 1 << 30;

/// The attributes that convolutions and pools share.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) kernel: Option<Vec<usize>>,
    pub(crate) strides: Option<Vec<usize>>,
    pub(crate) dilations: Option<Vec<usize>>,
    pub(crate) padding: Padding,
    /// Whether a last window that is not whole counts.
    pub(crate) ceil: bool,
}

/// How much is added around a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// All amounts before, then all behind; nothing if there is no list.
    Given(Option<Vec<usize>>),
    /// As much as makes the result the picture's size divided by the stride; an odd rest stands behind if `upper`.
    Same { upper: bool },
}

impl Window {
    /// Reads the attributes.
    pub(crate) fn read(setup: &Setup<'_>) -> Result<Window, Refusal> {
        let pads = numbers(setup, "pads", 0)?;
        let padding = match setup.text("auto_pad", "NOTSET")? {
            "NOTSET" | "" => Padding::Given(pads),
            "VALID" => Padding::Given(None),
            "SAME_UPPER" => Padding::Same { upper: true },
            "SAME_LOWER" => Padding::Same { upper: false },
            other => return Err(Setup::refuse("auto_pad", other, "NOTSET, VALID, SAME_UPPER or SAME_LOWER")),
        };
        let [kernel, strides, dilations] = ["kernel_shape", "strides", "dilations"].map(|name| numbers(setup, name, 1));
        Ok(Window { kernel: kernel?, strides: strides?, dilations: dilations?, padding, ceil: false })
    }

    /// The windows of this size over a picture.
    pub(crate) fn place(&self, picture: &[usize], kernel: &[usize]) -> Result<Geometry, Refusal> {
        let rank = picture.len();
        self.check(rank, kernel)?;
        let (strides, dilations) = (along(self.strides.as_ref(), rank, 1)?, along(self.dilations.as_ref(), rank, 1)?);
        let pads = match &self.padding {
            Padding::Given(pads) => along(pads.as_ref(), 2 * rank, 0)?,
            Padding::Same { .. } => vec![0; 2 * rank],
        };
        let mut geometry = Geometry::default();
        for i in 0..rank {
            let mut axis = Axis {
                input: picture[i],
                kernel: kernel[i],
                stride: strides[i],
                dilation: dilations[i],
                before: pads[i],
                after: pads[rank + i],
                output: 0,
            };
            if let Padding::Same { upper } = self.padding {
                let output = axis.input.div_ceil(axis.stride);
                let total = (output.saturating_sub(1) * axis.stride + axis.extent()).saturating_sub(axis.input);
                (axis.before, axis.after) = split(total, upper);
            }
            geometry.axes[3 - rank + i] = axis.counted(self.ceil)?;
        }
        Ok(geometry)
    }

    /// Checks the number of dimensions, and the size against the attribute `kernel_shape`.
    pub(crate) fn check(&self, rank: usize, kernel: &[usize]) -> Result<(), Refusal> {
        if !(1..=3).contains(&rank) {
            let wrong = format!("the picture has {rank} dimensions beside batch and channels");
            return Err(mismatch(wrong, "1 to 3"));
        }
        let sound = kernel.len() == rank && kernel.iter().all(|&k| (1..=LARGEST as usize).contains(&k));
        if !sound || self.kernel.as_ref().is_some_and(|own| own != kernel) {
            let wrong = format!("the window has the shape {kernel:?} over {rank} dimensions");
            let expected = self.kernel.as_ref().map_or_else(|| "a size for each".to_owned(), |own| format!("{own:?}"));
            return Err(mismatch(wrong, expected));
        }
        Ok(())
    }
}

/// An amount as what stands before and behind.
pub(crate) fn split(total: usize, upper: bool) -> (usize, usize) {
    let (less, more) = (total / 2, total - total / 2);
    if upper { (less, more) } else { (more, less) }
}

/// A list attribute of numbers from `least` on.
pub(crate) fn numbers(setup: &Setup<'_>, name: &str, least: i64) -> Result<Option<Vec<usize>>, Refusal> {
    let Some(values) = setup.ints(name)? else { return Ok(None) };
    if values.iter().all(|v| (least..=LARGEST).contains(v)) {
        return Ok(Some(values.iter().map(|&v| v as usize).collect()));
    }
    Err(Setup::refuse(name, values, format!("numbers from {least} to {LARGEST}")))
}

/// A list with one number for each of `count`.
pub(crate) fn along(list: Option<&Vec<usize>>, count: usize, default: usize) -> Result<Vec<usize>, Refusal> {
    match list {
        None => Ok(vec![default; count]),
        Some(list) if list.len() == count => Ok(list.clone()),
        Some(list) => Err(mismatch(
            format!("the list {list:?} is given for strides, dilations or padding"),
            format!("{count} numbers"),
        )),
    }
}

/// The windows along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) input: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) before: usize,
    pub(crate) after: usize,
    pub(crate) output: usize,
}

/// What of a window lies in the picture: `len` taps from `tap` on, the first at `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) tap: usize,
    pub(crate) len: usize,
    pub(crate) start: usize,
    /// Taps in the picture or its padding.
    pub(crate) padded: usize,
}

impl Axis {
    const ONE: Axis = Axis { input: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, output: 1 };

    /// Elements from a window's first to its last.
    pub(crate) fn extent(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// The axis with the number of windows.
    fn counted(self, ceil: bool) -> Result<Axis, Refusal> {
        let padded = self.input.saturating_add(self.before + self.after);
        if self.input == 0 || padded < self.extent() {
            let wrong = format!("a window of {} slides over {} elements, padding included", self.extent(), padded);
            return Err(mismatch(wrong, "pictures that are larger than the window"));
        }
        let free = padded - self.extent();
        let mut output = 1 + if ceil { free.div_ceil(self.stride) } else { free / self.stride };
        // A window that begins in the padding behind sees nothing.
        if ceil && (output - 1).saturating_mul(self.stride) >= self.input + self.before {
            output -= 1;
        }
        Ok(Axis { output, ..self })
    }

    /// Where tap `tap` of window `window` lies, if it is in the picture.
    fn position(&self, window: usize, tap: usize) -> Option<usize> {
        (window * self.stride + tap * self.dilation).checked_sub(self.before).filter(|&at| at < self.input)
    }

    /// The windows whose tap `tap` is in the picture, and where it lies in the first of them.
    fn reached(&self, tap: usize) -> (Range<usize>, usize) {
        let tap = tap * self.dilation;
        let first = self.before.saturating_sub(tap).div_ceil(self.stride);
        let end = (self.input + self.before).saturating_sub(tap).div_ceil(self.stride).min(self.output);
        let first = first.min(end);
        (first..end, (first * self.stride + tap).saturating_sub(self.before))
    }

    /// What each window sees.
    fn spans(&self) -> Vec<Span> {
        let span = |window: usize| {
            let from = window * self.stride;
            let tap = self.before.saturating_sub(from).div_ceil(self.dilation);
            let taps_to = |end: usize| end.saturating_sub(from).div_ceil(self.dilation).min(self.kernel);
            let len = taps_to(self.input + self.before).saturating_sub(tap);
            let start = (from + tap * self.dilation).saturating_sub(self.before);
            Span { tap, len, start, padded: taps_to(self.input + self.before + self.after) }
        };
        (0..self.output).map(span).collect()
    }
}

/// Windows over a picture of three dimensions; those that are not there have size 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) axes: [Axis; 3],
}

impl Default for Geometry {
    fn default() -> Self {
        Geometry { axes: [Axis::ONE; 3] }
    }
}

impl Geometry {
    /// One window over the whole picture, whose dimensions count as one.
    pub(crate) fn whole(picture: &[usize]) -> Result<Geometry, Refusal> {
        let size = picture.iter().product::<usize>();
        if size == 0 {
            return Err(mismatch("a window slides over no elements", "pictures of one element or more"));
        }
        Ok(Geometry { axes: [Axis::ONE, Axis::ONE, Axis { input: size, kernel: size, ..Axis::ONE }] })
    }

    /// Elements of the picture.
    pub(crate) fn input(&self) -> usize {
        self.axes.iter().map(|axis| axis.input).product()
    }

    /// Number of windows.
    pub(crate) fn output(&self) -> usize {
        self.axes.iter().map(|axis| axis.output).product()
    }

    /// Elements of a window.
    pub(crate) fn taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.kernel).product()
    }

    /// The sizes of the result, of `rank` dimensions.
    pub(crate) fn shape(&self, rank: usize) -> Vec<usize> {
        self.axes[3 - rank..].iter().map(|axis| axis.output).collect()
    }

    /// Rows of windows: all dimensions but the last.
    pub(crate) fn lines(&self) -> usize {
        self.axes[0].output * self.axes[1].output
    }

    /// For one tap and some rows of windows: `visit(window, element, count)` for every stretch of windows in which the tap
    /// is in the picture. Windows are counted from the first of these rows; elements are the last axis's stride apart.
    pub(crate) fn stretches(&self, tap: usize, lines: Range<usize>, mut visit: impl FnMut(usize, usize, usize)) {
        let [z, y, x] = &self.axes;
        let (windows, start) = x.reached(tap % x.kernel);
        let (tap_y, tap_z) = (tap / x.kernel % y.kernel, tap / x.kernel / y.kernel);
        if windows.is_empty() {
            return;
        }
        for line in lines.clone() {
            let at = z.position(line / y.output, tap_z).zip(y.position(line % y.output, tap_y));
            if let Some((at_z, at_y)) = at {
                let window = (line - lines.start) * x.output + windows.start;
                visit(window, (at_z * y.input + at_y) * x.input + start, windows.len());
            }
        }
    }

    /// What the windows see along each axis.
    pub(crate) fn views(&self) -> Views {
        Views { spans: self.axes.map(|axis| axis.spans()), geometry: *self }
    }
}

/// The windows one by one.
#[derive(Debug)]
pub(crate) struct Views {
    spans: [Vec<Span>; 3],
    geometry: Geometry,
}

impl Views {
    /// Calls `visit(window, first, count, step)` for every run of elements that a window sees, window by window.
    #[inline]
    pub(crate) fn runs(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let [z, y, x] = &self.geometry.axes;
        let mut window = 0;
        for span_z in &self.spans[0] {
            for span_y in &self.spans[1] {
                for span_x in &self.spans[2] {
                    // Windows that see nothing have no runs.
                    for i in 0..span_z.len.min(span_x.len * span_z.len) {
                        let plane = (span_z.start + i * z.dilation) * y.input;
                        for j in 0..span_y.len {
                            let line = (plane + span_y.start + j * y.dilation) * x.input;
                            visit(window, line + span_x.start, span_x.len, x.dilation);
                        }
                    }
                    window += 1;
                }
            }
        }
    }

    /// Elements of each window, with those in the padding or without.
    pub(crate) fn counts(&self, padding: bool) -> Vec<usize> {
        let of = |span: &Span| if padding { span.padded } else { span.len };
        let [z, y, x] = &self.spans;
        z.iter().flat_map(|z| y.iter().flat_map(move |y| x.iter().map(move |x| of(z) * of(y) * of(x)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(input: usize, kernel: usize, [stride, dilation]: [usize; 2], [before, after]: [usize; 2]) -> Axis {
        Axis { input, kernel, stride, dilation, before, after, output: 0 }
    }

    #[test]
    fn taps_and_windows_agree_on_what_is_seen() {
        for (i, k) in [(1, 1), (5, 3), (7, 2), (4, 4)] {
            for (steps, pads) in [([1, 1], [0, 0]), ([2, 1], [1, 1]), ([3, 2], [2, 0]), ([1, 3], [0, 4])] {
                let Ok(axis) = axis(i, k, steps, pads).counted(false) else { continue };
                let spans = axis.spans();
                for tap in 0..k {
                    let (windows, start) = axis.reached(tap);
                    for (window, span) in spans.iter().enumerate() {
                        let at = axis.position(window, tap);
                        assert_eq!(at.is_some(), windows.contains(&window), "{axis:?} {tap} {window}");
                        assert_eq!(
                            at.is_some(),
                            (span.tap..span.tap + span.len).contains(&tap),
                            "{axis:?} {tap} {window}"
                        );
                        if let Some(at) = at {
                            assert_eq!(at, start + (window - windows.start) * axis.stride);
                            assert_eq!(at, span.start + (tap - span.tap) * axis.dilation);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn windows_are_counted() {
        let count = |axis: Axis, ceil| axis.counted(ceil).map(|axis| axis.output).ok();
        assert_eq!(count(axis(5, 2, [2, 1], [0, 0]), false), Some(2));
        assert_eq!(count(axis(5, 2, [2, 1], [0, 0]), true), Some(3));
        // The third window would begin at 4, in the padding behind.
        assert_eq!(count(axis(4, 1, [4, 1], [0, 1]), true), Some(1));
        assert_eq!(count(axis(2, 2, [1, 2], [0, 0]), false), None);
        assert_eq!(count(axis(0, 1, [1, 1], [1, 1]), false), None);
    }
}
