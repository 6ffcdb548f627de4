//! Vectors of numbers, by instruction set.

/// As many numbers as a vector register has.
///
/// # Safety
/// All functions may be called only where the processor has the instructions of the type; pointers must be valid for
/// [`Lanes::N`] numbers, or for one in [`Lanes::splat`].
pub(super) trait Lanes<T>: Copy {
    /// How many.
    const N: usize;
    /// Zeros.
    unsafe fn zero() -> Self;
    /// One number in every lane.
    unsafe fn splat(from: *const T) -> Self;
    /// Neighbouring numbers.
    unsafe fn load(from: *const T) -> Self;
    /// Writes the numbers side by side.
    unsafe fn store(self, to: *mut T);
    /// `self · factor + sum`, rounded once.
    unsafe fn times_plus(self, factor: Self, sum: Self) -> Self;
}

#[cfg(target_arch = "x86_64")]
macro_rules! vectors {
    ($($vector:ident of $lanes:literal $type:ty: $zero:ident, $splat:ident, $load:ident, $store:ident, $fma:ident;)*) => {$(
        impl Lanes<$type> for std::arch::x86_64::$vector {
            const N: usize = $lanes;
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller answers for the instruction set.
                unsafe { std::arch::x86_64::$zero() }
            }
            #[inline(always)]
            unsafe fn splat(from: *const $type) -> Self {
                // SAFETY: the caller answers for the instruction set and the pointer.
                unsafe { std::arch::x86_64::$splat(*from) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $type) -> Self {
                // SAFETY: the caller answers for the instruction set and the pointer.
                unsafe { std::arch::x86_64::$load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $type) {
                // SAFETY: the caller answers for the instruction set and the pointer.
                unsafe { std::arch::x86_64::$store(to, self) }
            }
            #[inline(always)]
            unsafe fn times_plus(self, factor: Self, sum: Self) -> Self {
                // SAFETY: the caller answers for the instruction set.
                unsafe { std::arch::x86_64::$fma(self, factor, sum) }
            }
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
vectors! {
    __m512 of 16 f32: _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps;
    __m512d of 8 f64: _mm512_setzero_pd, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd;
    __m256 of 8 f32: _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps;
    __m256d of 4 f64: _mm256_setzero_pd, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd;
}

/// Four numbers, for processors without vectors that are known here.
#[derive(Clone, Copy)]
pub(super) struct Four<T>([T; 4]);

macro_rules! fours {
    ($($type:ty),*) => {$(
        impl Lanes<$type> for Four<$type> {
            const N: usize = 4;
            #[inline(always)]
            unsafe fn zero() -> Self {
                Four([0.0; 4])
            }
            #[inline(always)]
            unsafe fn splat(from: *const $type) -> Self {
                // SAFETY: the caller answers for the pointer.
                Four([unsafe { *from }; 4])
            }
            #[inline(always)]
            unsafe fn load(from: *const $type) -> Self {
                // SAFETY: the caller answers for the pointer; arrays of numbers have no stricter alignment than numbers.
                Four(unsafe { *from.cast() })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $type) {
                // SAFETY: the caller answers for the pointer.
                unsafe { *to.cast() = self.0 }
            }
            #[inline(always)]
            unsafe fn times_plus(self, factor: Self, mut sum: Self) -> Self {
                for (sum, (x, y)) in sum.0.iter_mut().zip(self.0.iter().zip(factor.0)) {
                    // Where there is no such instruction, the call would cost more than the exact rounding is worth.
                    *sum = if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { x.mul_add(y, *sum) } else { x * y + *sum };
                }
                sum
            }
        }
    )*};
}

fours!(f32, f64);
