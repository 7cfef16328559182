"""Kernels: numba and numpy only. Arrays in, arrays changed in place; no strings, no classes, no input or output."""
