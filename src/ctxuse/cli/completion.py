"""`ctxuse completion`: a shell's completion script."""

import click
from click.shell_completion import get_completion_class

from ctxuse.cli.common import show


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(ctxuse completion bash)"                       in ~/.bashrc
      eval "$(ctxuse completion zsh)"                        in ~/.zshrc
      ctxuse completion fish > ~/.config/fish/completions/ctxuse.fish
    """
    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - click knows these three
        raise click.UsageError(f"no completion for {shell}")
    show(found(context.find_root().command, {}, "ctxuse", "_CTXUSE_COMPLETE").source() + "\n")
