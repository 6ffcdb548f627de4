"""Writes the tables beside this file: values of elementary functions to 40 digits, rounded to 25.

    pip install mpmath==1.3.0
    python make.py

Each line is `x,f(x)` (`x,y,f(x,y)` for powf); the arguments are doubles, written so that they read back exactly.
"""

import math
import pathlib
import random

import mpmath as mp

mp.mp.dps = 60
HERE = pathlib.Path(__file__).parent
RANDOM = random.Random(20260101)


def cdf(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def quantile(p):
    if p == mp.mpf("0.5"):
        return mp.mpf(0)
    t = p if p < 0.5 else 1 - p
    if t > mp.mpf("1e-3"):
        z = mp.sqrt(2) * mp.erfinv(2 * t - 1)
    else:
        s = mp.sqrt(-2 * mp.log(t))
        z = -(s - mp.log(s * mp.sqrt(2 * mp.pi)) / s)
        for _ in range(60):
            # Newton's method in the logarithm, which is nearly quadratic in z and so converges from any tail.
            ln = mp.log(cdf(z))
            step = (ln - mp.log(t)) * mp.exp(ln + z * z / 2) * mp.sqrt(2 * mp.pi)
            z -= step
            if abs(step) < mp.mpf(10) ** -50:
                break
        else:
            raise ValueError(p)
    return z if p < 0.5 else -z


def spread(lo, hi, n):
    return [RANDOM.uniform(lo, hi) for _ in range(n)]


def magnitudes(lo, hi, n, signed=False):
    values = [10 ** RANDOM.uniform(lo, hi) for _ in range(n)]
    return [v * RANDOM.choice((-1, 1)) for v in values] if signed else values


TABLES = {
    "exp": (mp.exp, spread(-700, 700, 100) + spread(-2, 2, 100) + magnitudes(-20, 0, 20, True)),
    "exp_m1": (mp.expm1, spread(-40, 40, 60) + spread(-1, 1, 100) + magnitudes(-20, 0, 40, True)),
    "ln": (mp.log, magnitudes(-300, 300, 100) + spread(0.5, 2, 100) + [1 + x for x in magnitudes(-15, -1, 40, True)]),
    "ln_1p": (mp.log1p, magnitudes(-20, 20, 80) + spread(-0.99, 1, 100) + [-x for x in magnitudes(-20, -0.01, 40)]),
    "tanh": (mp.tanh, spread(-20, 20, 60) + spread(-1, 1, 80) + magnitudes(-20, 0, 20, True)),
    "sin_pi": (mp.sinpi, spread(-1, 1, 100) + spread(-1000, 1000, 60) + magnitudes(-20, 0, 20, True)),
    "cos_pi": (mp.cospi, spread(-1, 1, 100) + spread(-1000, 1000, 60) + magnitudes(-20, 0, 20, True)),
    "erf": (mp.erf, spread(-6, 6, 80) + spread(-0.6, 0.6, 60) + magnitudes(-20, 0, 20, True)),
    "erfc": (mp.erfc, spread(-6, 6, 80) + spread(0, 26, 80) + magnitudes(-20, 0, 20, True)),
    "erfcx": (lambda x: mp.erfc(x) * mp.exp(x * x), spread(0, 6, 80) + magnitudes(0, 2, 60)),
    "normal_cdf": (cdf, spread(-9, 9, 100) + spread(-37, 0, 80) + magnitudes(-20, 0, 20, True)),
    "normal_quantile": (
        quantile,
        spread(0, 1, 150)
        + magnitudes(-300, -1, 150)
        + [0.5 + x for x in magnitudes(-16, -1, 40, True)]
        + [(w + 0.5) / 2**32 for w in (0, 1, 2, 5, 1000, 2**31 - 1, 2**31, 2**32 - 1)],
    ),
}


def text(value):
    return mp.nstr(value, 25, strip_zeros=False)


def main():
    for name, (function, arguments) in TABLES.items():
        lines = [f"{x!r},{text(function(mp.mpf(x)))}" for x in sorted(arguments)]
        (HERE / f"{name}.csv").write_text("\n".join(lines) + "\n")
    lines = []
    for _ in range(200):
        x, y = 10 ** RANDOM.uniform(-5, 5), RANDOM.uniform(-4, 4)
        lines.append(f"{x!r},{y!r},{text(mp.mpf(x) ** mp.mpf(y))}")
    (HERE / "powf.csv").write_text("\n".join(lines) + "\n")
    # Drawn after the others, whose arguments stay what they were.
    arguments = spread(-4, 4, 120) + magnitudes(-20, 20, 60, True)
    lines = [f"{x!r},{text(mp.atan(mp.mpf(x)))}" for x in sorted(arguments)]
    (HERE / "atan.csv").write_text("\n".join(lines) + "\n")
    truncated()


def truncated():
    """mean, std, low, high of the cut normal; its mean and variance, and its quantiles at 0.1, 0.5 and 0.999."""
    cases = [
        (0, 1, -2, 2),
        (0, 1, -1, 3),
        (0, 1, -math.inf, 1.5),
        (0, 1, 0, math.inf),
        (0.5, 0.02, -2, 2),
        (0, 0.02, -2, 2),
        (0, 1, 5, 6),
        (0, 1, 8, math.inf),
        (0, 1, 40, math.inf),
        (0, 1, -50, -41),
        (0, 1, 1, 1.001),
        (0, 1, -1e-6, 1e-6),
        (3, 2, 2.5, 2.75),
        (-1, 0.1, 0.5, 0.75),
        (0, 1, -30, -0.25),
        (0, 1, -0.125, 60),
    ]
    lines = []
    for mean, std, low, high in cases:
        m, s, a, b = (mp.mpf(v) for v in (mean, std, low, high))
        with mp.workdps(100):
            a, b = (a - m) / s, (b - m) / s
            flip = a + b > 0
            a, b = (-b, -a) if flip else (a, b)
            pdf = lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi) if mp.isfinite(x) else mp.mpf(0)
            edge = lambda x: x * pdf(x) if mp.isfinite(x) else mp.mpf(0)
            below = cdf(a) if mp.isfinite(a) else mp.mpf(0)
            mass = cdf(b) - below
            first = (pdf(a) - pdf(b)) / mass
            variance = s * s * (1 + (edge(a) - edge(b)) / mass - first**2)
            sign = -1 if flip else 1
            row = [m + s * sign * first, variance]
            for u in ("0.1", "0.5", "0.999"):
                v = mp.mpf(float(u))
                v = 1 - v if flip else v
                row.append(m + s * sign * quantile(below + v * mass))
        lines.append(",".join([repr(float(v)) for v in (mean, std, low, high)] + [text(v) for v in row]))
    (HERE / "truncated.csv").write_text("\n".join(lines) + "\n")


main()
