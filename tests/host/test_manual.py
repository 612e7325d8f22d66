"""Man pages and completions say what the click tree says, in a form that groff and bash take."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from appliance.cli import main
from appliance.host.manual import COMPLETIONS, completion_files, manual_files, page, verbs


def test_every_verb_has_a_page_with_every_option() -> None:
    pages = {Path(file.name).name: file.data.decode() for file in manual_files(main, "1.2.3")}
    for words, command in verbs(main):
        text = pages["-".join(("appliance", *words)) + ".1"].replace("\\-", "-")
        assert text.startswith(".TH ") and ".SH NAME" in text
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert all(name in text for name in parameter.opts), (words, parameter.opts)
    assert len(pages) > 20
    assert "appliance-tune-apply" in pages["appliance.1"].replace("\\-", "-")


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_no_warnings() -> None:
    for file in manual_files(main, "1.2.3"):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", "-Kutf8"], input=file.data,
                              capture_output=True, timeout=20)
        assert done.returncode == 0 and not done.stderr, (file.name, done.stderr)


def test_prose_cannot_become_a_command_of_roff() -> None:
    @click.command(help="One.\n\n.so /etc/passwd\n\n    back\\slash -x\n")
    def odd() -> None:
        pass

    lines = page(("odd",), odd, "1").split("\n")
    assert "\\&.so /etc/passwd" in lines
    assert "back\\eslash \\-x" in lines and ".so /etc/passwd" not in lines


def test_bash_completes_verbs_with_the_installed_file(tmp_path: Path) -> None:
    files = {file.name: file.data for file in completion_files(main)}
    assert set(files) == set(COMPLETIONS.values())
    script = tmp_path / "appliance.bash"
    script.write_bytes(files[COMPLETIONS["bash"]])
    program = tmp_path / "appliance"
    run = "import sys; from appliance.cli import entry; sys.argv[0] = 'appliance'; entry()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{run}"\n')
    program.chmod(0o755)
    asked = ("COMP_WORDS=(appliance un); COMP_CWORD=1; _appliance_completion appliance; "
             'echo "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", f". {script}; {asked}"], capture_output=True, text=True,
                          timeout=30, env={"PATH": f"{tmp_path}:{os.environ['PATH']}",
                                           "PYTHONPATH": str(Path(__file__).parents[2])})
    assert done.stdout.split() == ["uninstall"], done.stderr
