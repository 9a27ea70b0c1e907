"""The documents: links lead somewhere, and each command line that they show is one that its command takes."""

import argparse
import importlib
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from support.paths import ROOT

from tbn_hw.__main__ import COMMANDS
from tbn_hw.__main__ import main as tbn_hw_main

SKIPPED = {".venv", "build", "runs"}
PAGES = sorted(page for page in ROOT.rglob("*.md") if SKIPPED.isdisjoint(page.relative_to(ROOT).parts))
OURS = ("benchmarks.", "quantize.", "sim.", "tbn_hw.")
MADE_UP = r"NAME|negate"
"""What the recipes call a thing that is to be added."""
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:benchmarks|docs|findings|hdl|quantize|sim|tbn_hw|tests)/[\w./-]+)`")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(page: Path) -> list[str]:
    """The links of a page to files or headings that are not there."""
    broken = []
    for link in LINK.findall(page.read_text()):
        if re.match(r"https?:", link):
            continue
        file, _, heading = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or heading and heading not in map(
                anchor, re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page):
    assert not broken_links(page)


def test_broken_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One, two\n[a](#one-two) [b](#three) [c](other.md) [d](page.md#one-two) [e](https://example.org)")
    assert broken_links(page) == ["#three", "other.md"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_a_page_names(page):
    named = {file for file in FILE.findall(page.read_text()) if not re.search(MADE_UP, file)}
    assert [file for file in sorted(named) if not (ROOT / file).exists()] == []


def command_lines(text: str) -> list[str]:
    """The command lines of our own commands in the code of a page, without those that show a usage."""
    blocks = re.findall(r"^    +(.*)$", re.sub(r"\\\n\s*", " ", text), re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", text)
    found = []
    for code in [*blocks, *inline]:
        for part in code.split(" && "):
            ours = re.match(r"(?:\S*/)?(tbn-hw .*|python(?:3\.11)? (?:-m \S+|tests/check\.py).*)", part.split("  #")[0])
            if ours and not re.search(r"\[-|\[[A-Z]|\.\.\.|\|", ours[1]):
                found.append(ours[1].strip())
    return found


LINES = sorted({(name_of(page), line) for page in PAGES for line in command_lines(page.read_text())})


class Parsed(Exception):
    """A command line was taken."""


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda value: value)
def test_command_lines(page, line, monkeypatch):
    """Each is parsed by the command's own parser, which is all that happens."""

    def parse(self, arguments=None, parse=argparse.ArgumentParser.parse_args):
        parse(self, arguments)
        raise Parsed

    words = shlex.split(line)
    if words[0] == "tbn-hw":
        main, arguments = tbn_hw_main, words[1:]
    elif words[1] == "-m" and words[2].startswith(OURS):
        spec = importlib.util.find_spec(words[2])
        assert spec is not None, f"there is no module {words[2]}"
        module = f"{words[2]}.__main__" if spec.submodule_search_locations else words[2]
        main, arguments = importlib.import_module(module).main, words[3:]
    else:
        return
    if not arguments or len(words) == 2:
        return  # a command that is named, not shown
    given = {"N": "2", "MHZ": "50", "NAME": "ecp5"}
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    with pytest.raises((Parsed, SystemExit)) as end:
        main([given.get(word, word) for word in arguments])
    assert isinstance(end.value, Parsed) or end.value.code in (0, None)


def test_the_documents_show_every_command():
    shown = {line.split()[1] for _, line in LINES if line.startswith("tbn-hw ")}
    assert shown >= set(COMMANDS)
    assert len(LINES) > 40


def test_extras_that_the_documents_install():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {extra for page in PAGES for group in re.findall(r"'\.\[([\w,]+)\]'", page.read_text())
             for extra in group.split(",")}
    assert named and named <= set(extras)


def test_the_first_build_of_the_readme(tmp_path, monkeypatch, capsys):
    """The digits' command of the README, up to its estimates."""
    line = next(line for page, line in LINES if page == "README.md" and "tbn_digits.yaml --target ice40-hx8k" in line)
    monkeypatch.chdir(tmp_path)
    assert tbn_hw_main([*shlex.split(line)[1:], "--until", "fold"]) == 0
    assert (tmp_path / "build" / "tbn_digits" / "folding.yaml").is_file()
    assert "cycles a frame" in capsys.readouterr().err
