"""Numerical kernels: floats in, floats out. Compiled by numba on first use and cached on disk."""
