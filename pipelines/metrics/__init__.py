"""Measures, intervals, calibration and slices: pure functions of arrays."""
