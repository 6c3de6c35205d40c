"""Gatheral's SVI smile: its total variance, what density it implies, and coordinates of it without bounds."""

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Shape = tuple[float, float, float, float, float]  # a, b, rho, m, s

RHO_MAX = 0.9  # a far smile with no wing on one side would leave none to all nearer ones
VARIANCE_MIN = 1e-9


def svi_variance(shape: Shape, moneyness: FloatArray) -> FloatArray:
    """Give a + b·(rho·(k - m) + sqrt((k - m)² + s²)) over k = ln(strike / forward)."""
    a, b, rho, m, s = shape
    distance = moneyness - m
    found: FloatArray = a + b * (rho * distance + np.sqrt(distance**2 + s**2))
    return found


def svi_density(shape: Shape, moneyness: FloatArray) -> FloatArray:
    """Give Durrleman's function, which is negative where the density would be."""
    _, b, rho, m, s = shape
    distance = moneyness - m
    root = np.sqrt(distance**2 + s**2)
    variance = np.maximum(svi_variance(shape, moneyness), VARIANCE_MIN)
    slope = b * (rho + distance / root)
    bend = b * s**2 / root**3
    found: FloatArray = (1 - moneyness * slope / (2 * variance)) ** 2 - slope**2 / 4 * (1 / variance + 0.25) + bend / 2
    return found


def free_of(shape: Shape) -> FloatArray:
    """Give the free coordinates: the least variance, b and s by their logarithms, rho by its arctangent, and m."""
    a, b, rho, m, s = shape
    least = max(a + b * s * math.sqrt(1 - rho * rho), VARIANCE_MIN)
    turn = math.atanh(min(max(rho / RHO_MAX, -0.999), 0.999))
    return np.array([math.log(least), math.log(max(b, 1e-9)), turn, m, math.log(max(s, 1e-6))])
