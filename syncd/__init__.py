"""Keeps a desktop media folder and a Gramps Web tree in step, both ways, over the S3 bucket between them."""

__version__ = "0.1.0"
