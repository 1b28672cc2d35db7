"""The source tree as the checks see it: the files git knows or would take, and who includes whom."""

import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


@functools.cache
def files():
    """All files, relative to the root, that are committed or waiting to be."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(path for path in set(listed.split("\0")) if path and (ROOT / path).is_file())


def with_suffix(*suffixes):
    return [path for path in files() if path.endswith(suffixes)]


@functools.cache
def text(path):
    return (ROOT / path).read_text(errors="replace")


def scripts(interpreter):
    """Files whose first line names the interpreter, or that are sourced by such a one."""
    def starts(path):
        with (ROOT / path).open("rb") as file:
            first = file.readline(200)
        return first.startswith(b"#!") and interpreter.encode() in first
    return [path for path in files() if pathlib.PurePath(path).suffix in ("", ".py", ".sh") and starts(path)]


@functools.cache
def includes(path):
    """[(line number, our path or None, system path or None)] of one file."""
    found = []
    for match in INCLUDE.finditer(text(path)):
        found.append((text(path).count("\n", 0, match.start()) + 1, match[1], match[2]))
    return found


@functools.cache
def closure(path):
    """The file and every file of ours that it includes, however far down."""
    seen, todo = set(), [path]
    while todo:
        current = todo.pop()
        if current in seen or not (ROOT / current).is_file():
            continue  # a generated header, or one of a third party written with quotes
        seen.add(current)
        todo.extend(ours for _, ours, _ in includes(current) if ours)
    return frozenset(seen)
