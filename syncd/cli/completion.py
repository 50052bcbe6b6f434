"""`syncd completion SHELL`: print what the shell has to read to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.session import Session

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@common_options
@pass_session
@click.pass_context
def command(context: click.Context, session: Session, *, shell: str) -> Ending:
    """Print the completion script for a shell.

    \b
    bash: syncd completion bash > ~/.local/share/bash-completion/completions/syncd
    zsh:  syncd completion zsh > "${fpath[1]}/_syncd"
    fish: syncd completion fish > ~/.config/fish/completions/syncd.fish
    """  # noqa: D301  (click's mark for lines that stay as they are)
    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"no completion for {shell}")
    script = maker(context.find_root().command, {}, "syncd", "_SYNCD_COMPLETE").source()
    if not session.json:
        session.out.raw(script.rstrip("\n") + "\n")
    return Ending(document={"completion": script})
