"""Whether two samples are of one law: bounds from the number of elements, so that 5 % off is seen."""

import numpy as np


def differs(one, other):
    """The largest of three statistics, each of order 1 for equal laws: mean, mean square, and distribution function."""
    one, other = (np.asarray(x, np.float64).ravel() for x in (one, other))
    if np.array_equal(np.unique(one[:1000]), np.unique(other[:1000])) and len(np.unique(one)) < 10:
        return 0.0 if np.array_equal(np.sort(one), np.sort(other)) else np.inf

    def score(f):
        a, b = f(one), f(other)
        spread = np.sqrt(a.var() / a.size + b.var() / b.size)
        return abs(a.mean() - b.mean()) / spread if spread > 0 else (0.0 if a.mean() == b.mean() else np.inf)

    both = np.sort(np.concatenate([one, other]))
    steps = [np.searchsorted(np.sort(x), both, side="right") / x.size for x in (one, other)]
    # Kolmogorov–Smirnov: √(nm/(n+m))·D is above 2.5 once in 130 000 cases; ÷ 0.4 puts it on the scale of the others.
    distance = np.abs(steps[0] - steps[1]).max() * np.sqrt(one.size * other.size / (one.size + other.size)) / 0.4
    return max(score(lambda x: x), score(np.square), distance)


#: Six standard errors: chance fails once in a thousand million cases.
BOUND = 6.0
