"""Numerical kernels: floats in, floats out. Compiled by numba on first use and cached on disk.

``fill_`` and American kernels release the GIL, so that a thread can run beside the event loop.
"""
