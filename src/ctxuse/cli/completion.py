"""`ctxuse completion`: a shell's completion script."""

import click
from click.shell_completion import get_completion_class

from ctxuse.cli.common import show


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(ctxuse completion bash)"                       in ~/.bashrc
      eval "$(ctxuse completion zsh)"                        in ~/.zshrc
      ctxuse completion fish > ~/.config/fish/completions/ctxuse.fish
    """
    from ctxuse.cli.main import cli  # noqa: PLC0415 - the group imports this module

    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - click knows these three
        raise click.UsageError(f"no completion for {shell}")
    show(found(cli, {}, "ctxuse", "_CTXUSE_COMPLETE").source() + "\n")
