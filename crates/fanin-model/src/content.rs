//! What can be told of a tensor by looking at its elements: all equal, a mask, a Fourier basis, a table of sinusoids.

use fanin::Dtype;
use fanin::graph::Content;

/// Elements that a mask adds to scores are at least this far below zero: the weakest in use is −100 (shifted windows).
const MASKED: f64 = -100.0;

/// Relative error of a stored cosine that still counts as one; stored in half precision it has 5e-4.
const COSINE_TOLERANCE: f64 = 2e-3;

/// How far, relative to the largest element, a filter may be from even or odd: constant-Q kernels, whose lengths are not
/// whole, are up to 0.026 off; of learned kernels as long as these the most even one seen is 0.8 off.
const SYMMETRY_TOLERANCE: f64 = 0.05;

/// The shortest basis that is looked for; short ones occur by chance.
const SHORTEST_BASIS: usize = 16;

/// The largest tensor in which a basis is looked for, in elements: filter banks are small, and large tensors are slow.
const LARGEST_BASIS: usize = 1 << 22;

/// Says what is known of the elements, which `read(offset, out)` gives in pieces.
///
/// Reading stops as soon as it is clear that the elements differ, which for weights is at once.
pub(crate) fn classify<E>(
    dtype: Dtype,
    shape: &[u64],
    len: u64,
    mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
) -> Result<Content, E> {
    let Some(size) = dtype.size() else { return Ok(Content::Varied) };
    if len == 0 {
        return Ok(Content::Varied);
    }
    let mut block = vec![0; (64 * 1024).min(len as usize)];
    let (mut kinds, mut at): (Vec<Vec<u8>>, u64) = (Vec::new(), 0);
    while at < len {
        let now = block.len().min((len - at) as usize);
        read(at, &mut block[..now])?;
        for element in block[..now].chunks_exact(size) {
            if !kinds.iter().any(|kind| kind == element) {
                kinds.push(element.to_vec());
            }
            if kinds.len() > 2 {
                return basis(dtype, shape, len, &mut read);
            }
        }
        at += now as u64;
    }
    let numbers: Vec<f64> = kinds.iter().map(|bytes| dtype.number(bytes).unwrap_or(f64::NAN)).collect();
    Ok(match numbers.as_slice() {
        [one] if !one.is_nan() => Content::Equal(*one),
        [a, b] if dtype.is_float() && (*a == 0.0 && *b <= MASKED || *b == 0.0 && *a <= MASKED) => Content::Mask,
        _ => Content::Varied,
    })
}

fn basis<E>(
    dtype: Dtype,
    shape: &[u64],
    len: u64,
    read: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
) -> Result<Content, E> {
    let wide: Vec<usize> = shape.iter().map(|&d| d as usize).filter(|&d| d > 1).collect();
    let count = wide.iter().fold(1usize, |product, &d| product.saturating_mul(d));
    let longest = shape.last().map_or(0, |&d| d as usize);
    if !dtype.is_float() || count > LARGEST_BASIS || wide.iter().all(|&d| d < SHORTEST_BASIS) {
        return Ok(Content::Varied);
    }
    let Some(size) = dtype.size().filter(|&size| (count * size) as u64 == len) else { return Ok(Content::Varied) };
    let mut bytes = vec![0; len as usize];
    read(0, &mut bytes)?;
    let element = |i: usize| dtype.number(&bytes[i * size..(i + 1) * size]).unwrap_or(f64::NAN);
    let fourier = match wide[..] {
        [rows, columns] if rows.min(columns) >= 3 => {
            is_basis(columns, |f, n| element(f * columns + n)) || is_basis(rows, |f, n| element(n * columns + f))
        }
        _ => false,
    };
    if let [rows, columns] = wide[..]
        && is_sinusoids(rows, columns, |p, i| element(p * columns + i))
    {
        return Ok(Content::Sinusoids);
    }
    let filters = shape.len() >= 3 && longest >= SHORTEST_BASIS && is_even_or_odd(count / longest, longest, element);
    Ok(if fourier || filters { Content::Basis } else { Content::Varied })
}

/// Rows of a table of positions that are compared with the sines of its first: later ones have lost too many digits in half
/// precision.
const COMPARED: usize = 8;

/// Whether row p holds the sines and cosines of p times the angles of row 1: position 0 has only zeros and ones.
fn is_sinusoids(rows: usize, columns: usize, at: impl Fn(usize, usize) -> f64) -> bool {
    let near = |a: f64, b: f64, slack: f64| (a - b).abs() <= slack;
    let (sines, others): (Vec<usize>, Vec<usize>) = (0..columns).partition(|&i| at(0, i) == 0.0);
    if rows < 4 || columns < 4 || sines.len() != others.len() || others.iter().any(|&i| at(0, i) != 1.0) {
        return false;
    }
    sines.iter().zip(&others).all(|(&sine, &cosine)| {
        let angle = at(1, sine).atan2(at(1, cosine));
        let fits = |p: usize| {
            let slack = 4.0 * COSINE_TOLERANCE * p as f64;
            near(at(p, sine), (p as f64 * angle).sin(), slack) && near(at(p, cosine), (p as f64 * angle).cos(), slack)
        };
        let last = at(rows - 1, sine).powi(2) + at(rows - 1, cosine).powi(2);
        (1..rows.min(COMPARED)).all(fits) && near(last, 1.0, 0.02)
    })
}

/// Whether every row is even or odd about its middle: windows, wavelets and Fourier bases are, learned and random
/// kernels are not.
fn is_even_or_odd(rows: usize, length: usize, at: impl Fn(usize) -> f64) -> bool {
    let largest = (0..rows * length).map(|i| at(i).abs()).fold(0.0, f64::max);
    (0..rows).all(|row| {
        let row: Vec<f64> = (0..length).map(|n| at(row * length + n)).collect();
        // A window of even length has its middle between two points, or on one with an end left over.
        [&row[..], &row[1..], &row[..length - 1]].into_iter().any(|row| {
            [1.0, -1.0].into_iter().any(|sign| {
                let mirrored = row.iter().zip(row.iter().rev());
                mirrored.map(|(a, b)| (a - sign * b).abs()).fold(0.0, f64::max) <= SYMMETRY_TOLERANCE * largest
            })
        })
    })
}

/// Whether rows 1 and 2 are row 0 times the first two cosines over `length` points.
fn is_basis(length: usize, at: impl Fn(usize, usize) -> f64) -> bool {
    let scale = (0..length).map(|n| at(0, n).abs()).fold(0.0, f64::max);
    let fits = |f: usize, n: usize| {
        let cosine = (std::f64::consts::TAU * (f * n % length) as f64 / length as f64).cos();
        (at(f, n) - at(0, n) * cosine).abs() <= COSINE_TOLERANCE * scale
    };
    length >= SHORTEST_BASIS && scale > 0.0 && [1, 2].iter().all(|&f| (0..length).all(|n| fits(f, n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shape: &[u64], values: &[f32]) -> Content {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        classify(Dtype::F32, shape, bytes.len() as u64, |at, out| {
            out.copy_from_slice(&bytes[at as usize..at as usize + out.len()]);
            Ok::<(), ()>(())
        })
        .unwrap()
    }

    #[test]
    fn equal_elements_masks_and_others_are_told_apart() {
        assert_eq!(of(&[3], &[0.5; 3]), Content::Equal(0.5));
        assert_eq!(of(&[20000], &vec![0.0; 20000]), Content::Equal(0.0));
        let mut late = vec![1.0; 40_000];
        late[39_999] = 1.5;
        assert_eq!(of(&[40_000], &late), Content::Varied);
        assert_eq!(of(&[4], &[0.0, -100.0, 0.0, -100.0]), Content::Mask);
        assert_eq!(of(&[2], &[f32::NEG_INFINITY, 0.0]), Content::Mask);
        assert_eq!(of(&[2], &[0.0, -99.0]), Content::Varied);
        assert_eq!(of(&[2], &[1.0, -1e9]), Content::Varied);
        assert_eq!(of(&[1], &[f32::NAN]), Content::Varied);
    }

    #[test]
    fn a_fourier_basis_is_seen_in_either_orientation_and_under_a_window() {
        let value = |f: usize, n: usize, wrong: f64| {
            let window = 0.5 - 0.5 * (std::f64::consts::TAU * (n as f64 + 0.5) / 32.0).cos();
            (window * (std::f64::consts::TAU * (f * n) as f64 / 32.0 * wrong).cos()) as f32
        };
        for (wrong, content) in [(1.0, Content::Basis), (1.05, Content::Varied)] {
            let rows: Vec<f32> = (0..17 * 32).map(|i| value(i / 32, i % 32, wrong)).collect();
            assert_eq!(of(&[17, 1, 32], &rows), content);
            let columns: Vec<f32> = (0..17 * 32).map(|i| value(i % 17, i / 17, wrong)).collect();
            assert_eq!(of(&[32, 1, 1, 17], &columns), content);
        }
    }

    #[test]
    fn sinusoids_are_told_from_tables_that_were_learned() {
        let value = |p: usize, i: usize, wrong: f64| {
            let angle = p as f64 * 10_000f64.powf(-((i % 8) as f64) / 7.0);
            (if i < 8 { angle.sin() } else { angle.cos() } * if p == 3 { wrong } else { 1.0 }) as f32
        };
        for (wrong, content) in [(1.0, Content::Sinusoids), (0.9, Content::Varied)] {
            let table: Vec<f32> = (0..40 * 16).map(|i| value(i / 16, i % 16, wrong)).collect();
            assert_eq!(of(&[40, 16], &table), content);
            assert_eq!(of(&[1, 40, 16], &table), content);
            // Sines and cosines may take turns, and be stored in half precision.
            let mixed: Vec<f32> = (0..40 * 16)
                .map(|i| value(i / 16, i % 16 / 2 + 8 * (i % 2), wrong))
                .map(|x| f32::from_bits((x.to_bits() + 0x8000) & 0xffff_0000))
                .collect();
            assert_eq!(of(&[40, 16], &mixed), content);
        }
    }

    #[test]
    fn symmetric_filters_are_told_from_random_kernels() {
        let value = |row: usize, n: usize, lean: f64| {
            let x = (n as f64 - 31.5) / 32.0;
            let phase = std::f64::consts::TAU * (row + 1) as f64 * 1.37 * (x + lean);
            ((1.0 - x * x) * if row.is_multiple_of(2) { phase.cos() } else { phase.sin() }) as f32
        };
        for (lean, content) in [(0.0, Content::Basis), (0.1, Content::Varied)] {
            let rows: Vec<f32> = (0..6 * 64).map(|i| value(i / 64, i % 64, lean)).collect();
            assert_eq!(of(&[6, 1, 1, 64], &rows), content);
            // The same numbers as a plain matrix are no filter bank.
            assert_eq!(of(&[6, 64], &rows), Content::Varied);
        }
    }
}
