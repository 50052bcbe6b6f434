"""Measurements: syncd against what people would use instead, on the same files and the same servers, in one run."""
