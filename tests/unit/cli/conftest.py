"""Every test of the command line gets a desk."""

from tests.unit.cli.desk import desk

__all__ = ["desk"]
