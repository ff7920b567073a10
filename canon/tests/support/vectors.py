#!/usr/bin/env python3
"""Writes correctly rounded results of f64 functions: `vectors.py [points per function] [seed] > ../data/f64.txt`.

One line per point: function, bits of the arguments, bits of the result rounded to nearest even. Needs mpmath.
Structured points (zeros, subnormals, powers of two and their neighbours, multiples of pi / 2, ends of domains) come
first, random bits within the domain of each function after them.
"""

import random
import struct
import sys

from mpmath import mp, mpf
import mpmath as m

mp.prec = 300


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def of(b):
    return struct.unpack("<d", struct.pack("<Q", b))[0]


def rounded(x):
    """The nearest f64; mpmath's own conversion does not round below the normal numbers."""
    if m.isnan(x):
        return float("nan")
    if m.isinf(x) or abs(x) >= mpf(2) ** 1024 * (1 - mpf(2) ** -54):
        return float("inf") if x > 0 else float("-inf")
    if x == 0:
        return 0.0
    exponent = max(m.floor(m.log(abs(x), 2)), -1022)
    while abs(x) >= mpf(2) ** (exponent + 1):
        exponent += 1
    while exponent > -1022 and abs(x) < mpf(2) ** exponent:
        exponent -= 1
    unit = mpf(2) ** (int(exponent) - 52)
    quotient = x / unit
    whole = m.floor(quotient)
    rest = quotient - whole
    up = rest > mpf(1) / 2 or (rest == mpf(1) / 2 and int(whole) % 2 == 1)
    return m.ldexp(whole + (1 if up else 0), int(exponent) - 52).__float__() if exponent > -1022 else float(
        int(whole + (1 if up else 0))
    ) * 2.0 ** -1074


def magnitude(low, high):
    """Random sign and mantissa, exponent between two bounds."""
    return lambda r: of(r.getrandbits(1) << 63 | (r.randint(low, high) + 1023) << 52 | r.getrandbits(52))


def between(low, high):
    return lambda r: r.uniform(low, high)


def precise(f):
    """With as many bits as cancellation may cost."""

    def g(*x):
        mp.prec = 2400
        try:
            return f(*x)
        finally:
            mp.prec = 300

    return g


wide = precise
UNARY = {
    "exp": (m.exp, [magnitude(-60, 9), between(-745, 710)]),
    "log": (m.log, [lambda r: abs(magnitude(-1022, 1023)(r)), between(0.4, 2.5)]),
    "tanh": (wide(m.tanh), [magnitude(-40, 5), between(-20, 20)]),
    "sigmoid": (wide(lambda x: 1 / (1 + m.exp(-x))), [magnitude(-40, 9), between(-750, 40)]),
    "erf": (m.erf, [magnitude(-600, 2), between(-6.5, 6.5)]),
    "log1p": (wide(m.log1p), [lambda r: abs(magnitude(-70, 1023)(r)), between(-1, 3)]),
    "expm1": (wide(m.expm1), [magnitude(-70, 9), between(-45, 90)]),
    "sin": (wide(m.sin), [magnitude(-40, 1023), between(-100, 100), magnitude(20, 40)]),
    "cos": (wide(m.cos), [magnitude(-40, 1023), between(-100, 100), magnitude(20, 40)]),
    "tan": (wide(m.tan), [magnitude(-40, 1023), between(-100, 100), magnitude(20, 40)]),
    "sinh": (wide(m.sinh), [magnitude(-40, 9), between(-711, 711)]),
    "cosh": (wide(m.cosh), [magnitude(-40, 9), between(-711, 711)]),
    "asin": (wide(m.asin), [magnitude(-40, -1), between(-1, 1)]),
    "acos": (wide(m.acos), [magnitude(-80, -1), between(-1, 1)]),
    "atan": (wide(m.atan), [magnitude(-40, 70), between(-5, 5)]),
    "asinh": (wide(m.asinh), [magnitude(-40, 1023), between(-5, 5)]),
    "acosh": (wide(m.acosh), [lambda r: abs(magnitude(0, 1023)(r)), between(1, 1.01)]),
    "atanh": (wide(m.atanh), [magnitude(-40, -1), between(-1, 1)]),
    "rsqrt": (lambda x: 1 / m.sqrt(x), [lambda r: abs(magnitude(-1022, 1023)(r))]),
}
BINARY = {
    "pow": (
        wide(lambda x, y: m.exp(y * m.log(x))),
        [
            (lambda r: abs(magnitude(-20, 20)(r)), between(-30, 30)),
            (lambda r: abs(magnitude(-1022, 1023)(r)), between(-1.05, 1.05)),
            (between(0.999, 1.001), magnitude(0, 19)),
            (lambda r: float(r.randint(1, 40)), lambda r: float(r.randint(-20, 20))),
        ],
    ),
    "atan2": (
        wide(lambda y, x: m.atan2(y, x)),
        [(magnitude(-30, 30), magnitude(-30, 30)), (magnitude(-1022, 1023), magnitude(-1022, 1023))],
    ),
    "hypot": (
        lambda a, b: m.sqrt(a * a + b * b),
        [(magnitude(-30, 30), magnitude(-30, 30)), (magnitude(-1022, -990), magnitude(-1022, -990)),
         (magnitude(1000, 1022), magnitude(1000, 1022))],
    ),
    "rem": (
        wide(lambda a, b: a - m.floor(a / b) * b),
        [(lambda r: abs(magnitude(-30, 60)(r)), lambda r: abs(magnitude(-30, 30)(r))),
         (lambda r: abs(magnitude(0, 1023)(r)), lambda r: abs(magnitude(-1022, 0)(r)))],
    ),
}


def structured():
    for e in (-1074, -1022, -62, -55, -31, -30, -29, -2, -1, 0, 1, 2, 5, 6, 9, 27, 28, 29, 31, 53, 63, 500, 1023):
        x = 2.0 ** e
        yield from (x, of(bits(x) - 1) if e > -1074 else x, of(bits(x) + 1))
    for q in (1, 2, 3, 4, 5, 100, 12345, 1 << 30):
        x = float(q * m.pi / 2)
        yield from (x, of(bits(x) + 1))
    # Near a multiple of pi / 2 as no other f64 is.
    yield float(6381956970095103) * 2.0 ** 797
    yield from (709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412, -708.4, 0.375, 20.0, 22.0,
                40.0, 80.0, 710.4758600739439, 0.4142135623730951, 2.414213562373095)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    r = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)

    def emit(name, f, *x):
        try:
            y = f(*map(mpf, x))
        except (ValueError, ZeroDivisionError, OverflowError, m.libmp.ComplexResult):
            return
        if isinstance(y, m.mpc) or m.isnan(y):
            return
        y = rounded(y)
        if y != 0.0 and y == y:
            print(name, *("%016x" % bits(v) for v in (*x, y)))

    for name, (f, ranges) in UNARY.items():
        # Where exp is beyond all bounds, so is the time it takes.
        limit = 1e4 if name in ("exp", "expm1", "sinh", "cosh", "tanh", "sigmoid", "erf") else float("inf")
        for x in structured():
            for x in (x, -x):
                if abs(x) < limit:
                    emit(name, f, x)
        for i in range(count):
            emit(name, f, ranges[i % len(ranges)](r))
    for name, (f, ranges) in BINARY.items():
        for i in range(3 * count):
            of_a, of_b = ranges[i % len(ranges)]
            emit(name, f, of_a(r), of_b(r))


main()
