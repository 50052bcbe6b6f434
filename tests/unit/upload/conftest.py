"""Every test here may have a person with a home folder."""

from tests.unit.desktop.family import person

__all__ = ["person"]
