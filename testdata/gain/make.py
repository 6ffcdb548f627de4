"""Second moments E[f(z)²], z ~ N(0, 1), of the activation functions, to 17 digits. Writes moments.csv.

Made with mpmath 1.3.0, Python 3.11. Integrates piecewise between the kinks of each function.
"""
from mpmath import mp, mpf, quad, exp, sqrt, pi, erf, erfc, tanh, log, atan, sin, nstr, inf

mp.dps = 40
phi = lambda x: exp(-x * x / 2) / sqrt(2 * pi)
cdf = lambda x: erfc(-x / sqrt(2)) / 2
sig = lambda x: 1 / (1 + exp(-x))
softplus = lambda x: log(1 + exp(x)) if x < 50 else x + log(1 + exp(-x))
ALPHA = mpf("1.6732632423543772848170429916717")
SCALE = mpf("1.0507009873554804934193349852946")
cube = sqrt(2 / pi)
clip = lambda x, a, b: min(max(x, a), b)
F = {
    "linear": (lambda x: x, []),
    "relu": (lambda x: max(x, mpf(0)), [0]),
    "relu6": (lambda x: clip(x, mpf(0), mpf(6)), [0, 6]),
    "elu": (lambda x: x if x > 0 else exp(x) - 1, [0]),
    "selu": (lambda x: SCALE * (x if x > 0 else ALPHA * (exp(x) - 1)), [0]),
    "gelu": (lambda x: x * cdf(x), []),
    "gelu_tanh": (lambda x: x / 2 * (1 + tanh(cube * (x + mpf("0.044715") * x**3))), []),
    "quick_gelu": (lambda x: x * sig(mpf("1.702") * x), []),
    "silu": (lambda x: x * sig(x), []),
    "mish": (lambda x: x * tanh(softplus(x)), []),
    "hard_swish": (lambda x: x * clip(x + 3, mpf(0), mpf(6)) / 6, [-3, 3]),
    "softplus": (softplus, []),
    "sigmoid": (sig, []),
    "hard_sigmoid": (lambda x: clip(x / 6 + mpf(1) / 2, mpf(0), mpf(1)), [-3, 3]),
    "tanh": (tanh, []),
    "hard_tanh": (lambda x: clip(x, mpf(-1), mpf(1)), [-1, 1]),
    "softsign": (lambda x: x / (1 + abs(x)), [0]),
    "atan": (atan, []),
    "erf": (erf, []),
    "sin": (sin, []),
    "squared_relu": (lambda x: max(x, mpf(0)) ** 2, [0]),
}
with open("moments.csv", "w") as out:
    out.write("activation,second_moment\n")
    for name, (f, kinks) in F.items():
        knots = sorted(set([mpf(k) for k in range(-30, 31, 2)] + [mpf(k) for k in kinks]))
        out.write(f"{name},{nstr(quad(lambda x: f(x) ** 2 * phi(x), knots), 17)}\n")
