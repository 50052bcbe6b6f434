"""The `syncd` command."""

import click

from syncd import __version__


@click.command()
@click.version_option(__version__, prog_name="syncd")
def main() -> None:
    """Keep a media folder and Gramps Web in step."""
