"""Every test here has a person with a home folder."""

from tests.unit.desktop.family import person

__all__ = ["person"]
