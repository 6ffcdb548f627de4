"""Fits the polynomials of the value kernels and writes src/kernel/generated/polynomials.rs.

    pip install mpmath==1.3.0
    python make.py

The tail probability of a normal, in units of 2^-31 of both tails together, is cut into octaves; in each octave the normal
quantile is a polynomial in (mantissa - 1.5). Coefficients are rounded to binary32 from the highest power down, and the
lower ones are fitted again after each rounding, so that they make up for what it took.
"""

import pathlib
import struct

import mpmath as mp

mp.mp.dps = 40
DEGREE = 7
OUT = pathlib.Path(__file__).parent.parent / "src/kernel/generated/polynomials.rs"


def f32(x):
    return struct.unpack("<f", struct.pack("<f", float(x)))[0]


def quantile(p):
    """z <= 0 with P(Z <= z) = p <= 1/2."""
    if p >= mp.mpf(1) / 2:
        return mp.mpf(0)
    z = -mp.sqrt(2) * mp.erfinv(1 - 2 * p) if p > 1e-4 else -mp.sqrt(-2 * mp.log(p))
    for _ in range(100):
        ln = mp.log(mp.erfc(-z / mp.sqrt(2)) / 2)
        step = (ln - mp.log(p)) * mp.exp(ln + z * z / 2) * mp.sqrt(2 * mp.pi)
        z -= step
        if abs(step) < mp.mpf(10) ** -35:
            return z
    raise ValueError(p)


def fit(f, lo, hi, degree):
    """Coefficients of ascending powers, near the best in the largest absolute error, rounded to binary32."""
    n = 4 * (degree + 1)
    nodes = [mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    xs = [(hi - lo) / 2 * t + (hi + lo) / 2 for t in nodes]
    rest = [f(x) for x in xs]
    out = []
    for d in range(degree, -1, -1):
        # Least squares at Chebyshev nodes weighs errors as the best approximation does, to within a small factor.
        series = [sum(r * mp.cos(k * mp.acos(t)) for r, t in zip(rest, nodes)) * (2 if k else 1) / n for k in range(d + 1)]
        power = chebyshev_to_powers(series, lo, hi)[d]
        c = f32(power)
        out.insert(0, c)
        rest = [r - mp.mpf(c) * x**d for r, x in zip(rest, xs)]
    return out


def chebyshev_to_powers(series, lo, hi):
    a, b = 2 / (hi - lo), -(hi + lo) / (hi - lo)
    total, before, now = [mp.mpf(0)] * len(series), [mp.mpf(1)], [b, a]
    for k, c in enumerate(series):
        term = before if k == 0 else now
        for i, v in enumerate(term):
            total[i] += c * v
        if k:
            up = [mp.mpf(0)] * (len(now) + 1)
            for i, v in enumerate(now):
                up[i] += 2 * b * v
                up[i + 1] += 2 * a * v
            for i, v in enumerate(before):
                up[i] -= v
            before, now = now, up
    return total


def row(values):
    return "[" + ", ".join(repr(v) for v in values) + "]"


def main():
    half = mp.mpf(1) / 2
    tail = []
    for octave in range(-1, 31):
        unit = mp.mpf(2) ** (octave - 32)
        tail.append(fit(lambda s: quantile((s + 3 * half) * unit), -half, half, DEGREE))
    sine = fit(lambda t: mp.sin(mp.pi / 2 * mp.sqrt(t)) / mp.sqrt(t) if t else mp.pi / 2, mp.mpf(0), mp.mpf(1), 5)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(
        "//! Written by `tables/make.py`; change that, not this.\n\n"
        "/// Row `k + 1`: the normal quantile for 2^k <= q < 2^(k+1), where q·2^-32 is the lower tail probability, in\n"
        "/// ascending powers of (mantissa of q) - 1.5. All values are negative.\n"
        "pub(crate) const TAIL: [[f32; 8]; 32] = [\n"
        + "".join(f"    {row(r)},\n" for r in tail)
        + "];\n\n/// sin(s·π/2)/s in ascending powers of s², |s| <= 1.\n"
        + f"pub(crate) const SINE: [f32; 6] = {row(sine)};\n"
    )


main()
