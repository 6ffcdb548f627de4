"""Moments of the activation functions under z ~ N(0, 1), to 17 digits. Writes moments.csv.

    pip install mpmath==1.3.0
    python make.py

E f(x), E f(x)², E f′(x)² and E z² f(x)² for x = √q z, by tanh-sinh quadrature with 30 digits, piecewise between the kinks
of each function. The derivatives are written out; a jump is left out of them.
"""

from mpmath import atan, cos, erf, erfc, exp, log, mp, mpf, nstr, pi, quad, sin, sqrt, tanh

mp.dps = 30
phi = lambda x: exp(-x * x / 2) / sqrt(2 * pi)
cdf = lambda x: erfc(-x / sqrt(2)) / 2
sig = lambda x: 1 / (1 + exp(-x))
softplus = lambda x: log(1 + exp(x)) if x < 50 else x + log(1 + exp(-x))
step = lambda x: mpf(1 if x > 0 else 0)
ALPHA = mpf("1.6732632423543772848170429916717")
SCALE = mpf("1.0507009873554804934193349852946")
CUBE = sqrt(2 / pi)
clip = lambda x, a, b: min(max(x, mpf(a)), mpf(b))
inside = lambda x, a, b: mpf(1 if a < x < b else 0)


def gelu_tanh(x):
    u, du = CUBE * (x + mpf("0.044715") * x**3), CUBE * (1 + 3 * mpf("0.044715") * x**2)
    t = tanh(u)
    return x / 2 * (1 + t), (1 + t) / 2 + x / 2 * (1 - t * t) * du


def gated(x, b):
    s = sig(b * x)
    return x * s, s + b * x * s * (1 - s)


def mish(x):
    t = tanh(softplus(x))
    return x * t, t + x * (1 - t * t) * sig(x)


def serf(x):
    s = softplus(x)
    return x * erf(s), erf(s) + 2 * x / sqrt(pi) * exp(-s * s) * sig(x)


def tanh_exp(x):
    t = tanh(exp(x))
    return x * t, t + x * (1 - t * t) * exp(x)


def elu(x, height, width):
    return (x, mpf(1)) if x > 0 else (height * (exp(x / width) - 1), height / width * exp(x / width))


def shrink(x, p, soft):
    if abs(x) <= p:
        return mpf(0), mpf(0)
    return (x - p if x > 0 else x + p) if soft else x, mpf(1)


def sinc(x, a):
    u = a * x
    return (sin(u) / u, a * (cos(u) - sin(u) / u) / u) if abs(u) > mpf("1e-9") else (mpf(1), -a * u / 3)


# name: f and f′, kinks, parameters (the default first)
F = {
    "linear": (lambda x, p: (x, mpf(1)), lambda p: [], [0]),
    "relu": (lambda x, p: (max(x, mpf(0)), step(x)), lambda p: [0], [0]),
    "leaky_relu": (lambda x, p: (x, mpf(1)) if x > 0 else (p * x, p), lambda p: [0], ["0.01", "0.25", "-0.5"]),
    "relu6": (lambda x, p: (clip(x, 0, 6), inside(x, 0, 6)), lambda p: [0, 6], [0]),
    "elu": (lambda x, p: elu(x, p, mpf(1)), lambda p: [0], [1, "0.5", 0]),
    "selu": (lambda x, p: tuple(SCALE * v for v in elu(x, ALPHA, mpf(1))), lambda p: [0], [0]),
    "gelu": (lambda x, p: (x * cdf(x), cdf(x) + x * phi(x)), lambda p: [], [0]),
    "gelu_tanh": (lambda x, p: gelu_tanh(x), lambda p: [], [0]),
    "quick_gelu": (lambda x, p: gated(x, mpf("1.702")), lambda p: [], [0]),
    "silu": (gated, lambda p: [], [1, "0.25", "6", "-2", "48"]),
    "mish": (lambda x, p: mish(x), lambda p: [], [0]),
    "hard_swish": (
        lambda x, p: (x * clip(x + 3, 0, 6) / 6, (2 * x + 3) / 6 if -3 < x < 3 else step(x)),
        lambda p: [-3, 3],
        [0],
    ),
    "softplus": (lambda x, p: (softplus(p * x) / p, sig(p * x)), lambda p: [], [1, "0.5", "8", "64"]),
    "shifted_softplus": (lambda x, p: (softplus(x) - log(mpf(2)), sig(x)), lambda p: [], [0]),
    "squareplus": (
        lambda x, p: ((x + sqrt(x * x + p)) / 2, (1 + x / sqrt(x * x + p)) / 2),
        lambda p: [],
        [4, "0.0625"],
    ),
    "log_sigmoid": (lambda x, p: (-softplus(-x), sig(-x)), lambda p: [], [0]),
    "sigmoid": (lambda x, p: (sig(x), sig(x) * sig(-x)), lambda p: [], [0]),
    "hard_sigmoid": (lambda x, p: (clip(x / 6 + mpf(1) / 2, 0, 1), inside(x, -3, 3) / 6), lambda p: [-3, 3], [0]),
    "tanh": (lambda x, p: (tanh(x), 1 - tanh(x) ** 2), lambda p: [], [0]),
    "lecun_tanh": (
        lambda x, p: (
            mpf("1.7159") * tanh(2 * x / 3),
            mpf("1.7159") * 2 / 3 * (1 - tanh(2 * x / 3) ** 2),
        ),
        lambda p: [],
        [0],
    ),
    "tanh_shrink": (lambda x, p: (x - tanh(x), tanh(x) ** 2), lambda p: [], [0]),
    "hard_tanh": (lambda x, p: (clip(x, -1, 1), inside(x, -1, 1)), lambda p: [-1, 1], [0]),
    "softsign": (lambda x, p: (x / (1 + abs(x)), 1 / (1 + abs(x)) ** 2), lambda p: [0], [0]),
    "atan": (lambda x, p: (atan(x), 1 / (1 + x * x)), lambda p: [], [0]),
    "erf": (lambda x, p: (erf(x), 2 / sqrt(pi) * exp(-x * x)), lambda p: [], [0]),
    "sin": (lambda x, p: (sin(x), cos(x)), lambda p: [], [0]),
    "cos": (lambda x, p: (cos(x), -sin(x)), lambda p: [], [0]),
    "snake": (lambda x, p: (x + sin(p * x) ** 2 / p, 1 + sin(2 * p * x)), lambda p: [], [1, "3"]),
    "gaussian": (lambda x, p: (exp(-p * x * x), -2 * p * x * exp(-p * x * x)), lambda p: [], [1, "0.5", "30"]),
    "sinc": (lambda x, p: sinc(x, p), lambda p: [], [1, "5"]),
    "exp": (lambda x, p: (exp(x), exp(x)), lambda p: [], [0]),
    "abs": (lambda x, p: (abs(x), mpf(1)), lambda p: [0], [0]),
    "squared_relu": (lambda x, p: (max(x, mpf(0)) ** 2, 2 * max(x, mpf(0))), lambda p: [0], [0]),
    "soft_shrink": (lambda x, p: shrink(x, p, True), lambda p: [-p, p], ["0.5", "1.25"]),
    "hard_shrink": (lambda x, p: shrink(x, p, False), lambda p: [-p, p], ["0.5", "1.25"]),
    "celu": (lambda x, p: elu(x, p, p), lambda p: [0], [1, 2, "0.125"]),
    "serf": (lambda x, p: serf(x), lambda p: [], [0]),
    "tanh_exp": (lambda x, p: tanh_exp(x), lambda p: [], [0]),
}
# Other variances of the input, for the functions that the mean-field theory is used with.
OTHER = {name: ["0.25", "2.25"] for name in ("tanh", "erf", "gelu", "hard_tanh", "soft_shrink", "silu")}


def moments(f, kinks, q):
    scale = sqrt(q)
    knots = sorted({mpf(k) for k in range(-16, 17)} | {k / scale for k in kinks})
    pieces = (
        lambda z, v: v[0],
        lambda z, v: v[0] ** 2,
        lambda z, v: v[1] ** 2,
        lambda z, v: z * z * v[0] ** 2,
    )
    return [quad(lambda z: piece(z, f(scale * z)) * phi(z), knots) for piece in pieces]


def main():
    with open("moments.csv", "w") as out:
        out.write("activation,parameter,q,mean,second,derivative,weighed\n")
        for name, (f, kinks, parameters) in F.items():
            for i, p in enumerate(parameters):
                for q in ["1"] + (OTHER.get(name, []) if i == 0 else []):
                    p = mpf(p)
                    values = moments(lambda x: f(x, p), [mpf(k) for k in kinks(p)], mpf(q))
                    # What is 0 by symmetry comes out as a remainder of the quadrature.
                    values = [mpf(0) if abs(v) < mpf("1e-24") else v for v in values]
                    out.write(f"{name},{nstr(p, 17)},{q},{','.join(nstr(v, 17) for v in values)}\n")


main()
