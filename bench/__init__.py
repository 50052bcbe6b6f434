"""Measurements, on real servers: figures for the documentation, never a test."""
