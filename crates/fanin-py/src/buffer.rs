//! The memory of an array, filled where it lies while other Python threads run.

use crate::failure::Failure;
use crate::threads;
use fanin::Refusal;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

fn unfit(wrong: &str) -> Failure {
    Refusal::new(wrong, "a writable buffer of bytes without gaps", "Pass an array in C order that may be written to.")
        .of("", "fill")
        .into()
}

/// Lets `work` write the bytes of a buffer, without the interpreter's lock and on fanin's threads.
///
/// # Errors
/// If the buffer is read-only or has gaps.
#[expect(unsafe_code, reason = "a buffer's memory is reached by its address; the one place where that is done")]
pub(crate) fn write<R: Send>(
    py: Python<'_>,
    buffer: &PyBuffer<u8>,
    work: impl FnOnce(&mut [u8]) -> R + Send,
) -> Result<R, Failure> {
    if buffer.readonly() {
        return Err(unfit("the array is read-only"));
    }
    if !buffer.is_c_contiguous() {
        return Err(unfit("the array has gaps between its elements"));
    }
    let (address, length) = (buffer.buf_ptr() as usize, buffer.len_bytes());
    if length == 0 {
        return Ok(work(&mut []));
    }
    Ok(py.detach(move || {
        // SAFETY: the exporter keeps these `length` bytes alive and in place as long as `buffer` is held, which outlives
        // this call; they are writable and without gaps, as was asked above. That no other thread writes them meanwhile is
        // the caller's affair, as with every NumPy function that lets go of the lock: bytes have no invalid values.
        let bytes = unsafe { std::slice::from_raw_parts_mut(address as *mut u8, length) };
        threads::run(|| work(bytes))
    }))
}

/// Lets `work` read the bytes of a buffer, without the interpreter's lock and on fanin's threads.
///
/// # Errors
/// If the buffer has gaps.
#[expect(unsafe_code, reason = "as `write`")]
pub(crate) fn read<R: Send>(
    py: Python<'_>,
    buffer: &PyBuffer<u8>,
    work: impl FnOnce(&[u8]) -> R + Send,
) -> Result<R, Failure> {
    if !buffer.is_c_contiguous() {
        return Err(unfit("the array has gaps between its elements"));
    }
    let (address, length) = (buffer.buf_ptr() as usize, buffer.len_bytes());
    if length == 0 {
        return Ok(work(&[]));
    }
    Ok(py.detach(move || {
        // SAFETY: as in `write`.
        let bytes = unsafe { std::slice::from_raw_parts(address as *const u8, length) };
        threads::run(|| work(bytes))
    }))
}
