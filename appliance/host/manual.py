"""Man pages and shell completions, out of the click tree: what --help says, and nothing else.

A verb's help is prose with `code`, **bold** and indented examples; roff gets the same. One page a
verb (`appliance-tune-apply.1`), and `appliance.1` with them all.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from appliance.host.install_files import File

MAN_FOLDER = "/usr/local/share/man/man1"
COMPLETIONS = {
    "bash": "/usr/local/share/bash-completion/completions/appliance",
    "zsh": "/usr/local/share/zsh/site-functions/_appliance",
    "fish": "/usr/local/share/fish/vendor_completions.d/appliance.fish",
}


def verbs(command: click.Command, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below and with this one, with the words that call it."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in sorted(command.list_commands(context)):
            if below := command.get_command(context, name):
                yield from verbs(below, *words, name)


# ---- roff ----------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """Text for a line of roff: no backslash, leading dot or hyphen means anything to it."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def _line(text: str) -> str:
    """The same, with `code` and **bold** as bold type."""
    marked = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", text)
    parts = [f"\\fB{_plain(part.strip('`*'))}\\fP" if index % 2 else _plain(part)
             for index, part in enumerate(marked)]
    joined = "".join(parts)
    return f"\\&{joined}" if joined[:1] in (".", "'") else joined


def _paragraphs(text: str) -> Iterator[str]:
    """A docstring's paragraphs; those indented are examples."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith("    "):
            lines = "\n".join(_plain(line[4:]) for line in block.split("\n"))
            yield f".PP\n.in +4n\n.nf\n{lines}\n.fi\n.in"
        elif block.strip():
            yield ".PP\n" + _line(" ".join(block.split()))


def _about(parameter: click.Parameter, context: click.Context) -> Iterator[str]:
    if not isinstance(parameter, click.Option) or parameter.hidden:
        return
    record = parameter.get_help_record(context)
    if record is not None:
        names, text = record
        yield f".TP\n\\fB{_plain(names)}\\fP\n{_line(text) or '.br'}"


def page(words: tuple[str, ...], command: click.Command, version: str) -> str:
    """The man page of ``appliance WORDS``."""
    title, called = "-".join(("appliance", *words)), " ".join(("appliance", *words))
    context = click.Context(command, info_name=called, help_option_names=["-h", "--help"])
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{_plain(title.upper())}" 1 "" "tickpath {_plain(version)}" "tickpath"',
        ".SH NAME",
        f"{_plain(title)} \\- {_line(command.get_short_help_str(limit=200).rstrip('.'))}",
        ".SH SYNOPSIS",
        f"\\fB{_plain(called)}\\fP {_plain(usage)}",
        ".SH DESCRIPTION",
        *_paragraphs(inspect.cleandoc(command.help or "")),
    ]
    options = [text for parameter in command.get_params(context)
               for text in _about(parameter, context)]
    lines += [".SH OPTIONS", *options]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for more, below in verbs(command, *words):
            if below is not command:
                short = _line(below.get_short_help_str(limit=200))
                lines.append(f".TP\n\\fB{_plain('appliance-' + '-'.join(more))}\\fP(1)\n{short}")
    return "\n".join(lines) + "\n"


# ---- files ---------------------------------------------------------------------------------------


def manual_files(root: click.Command, version: str) -> list[File]:
    """Every page."""
    return [File(f"{MAN_FOLDER}/{'-'.join(('appliance', *words))}.1",
                 page(words, command, version).encode())
            for words, command in verbs(root)]


def completion_files(root: click.Command) -> list[File]:
    """What bash, zsh and fish ask the program for its words with."""
    kinds: tuple[type[ShellComplete], ...] = (BashComplete, ZshComplete, FishComplete)
    # Not BashComplete's own source: it runs the bash that is here, and an image has another.
    return [File(COMPLETIONS[kind.name], ShellComplete.source(
        kind(root, {}, "appliance", "_APPLIANCE_COMPLETE")).encode()) for kind in kinds]
