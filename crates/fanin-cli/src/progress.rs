//! Progress bars on a terminal, nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that counts bytes; hidden where standard error is no terminal, where JSON is wanted, and for short work.
pub(crate) fn bytes(total: u64, what: &'static str, json: bool) -> ProgressBar {
    /// Writing less than this takes no noticeable time.
    const SHORT: u64 = 64 << 20;
    let target =
        if json || total < SHORT { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
    let bar = ProgressBar::with_draw_target(Some(total), target).with_message(what);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// A bar that counts steps; hidden where standard error is no terminal, and where JSON is wanted.
pub(crate) fn steps(what: impl Into<std::borrow::Cow<'static, str>>, json: bool) -> ProgressBar {
    let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
    let bar = ProgressBar::with_draw_target(None, target).with_message(what);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
