"""The checks that need the compiler: each header alone, and clang-tidy on what changed.

Flags come from build/compile_commands.json. A header alone is compiled through ccache; what clang-tidy
found clean is remembered below ~/.cache/strandline/tidy under a hash of all that its answer depends on,
so that a second run, also in another clone, asks only about what is new.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import shlex
import subprocess

import tree

BUILD = tree.ROOT / "build"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "strandline/tidy"
LAYERS = ("protocol/", "storage/", "replication/", "broker/", "client/", "tools/", "tests/", "benchmarks/")
# Where there is no branch to compare with, as on a fresh clone of main: this many commits are looked at.
LAST_COMMITS = 10


@functools.cache
def commands():
    """Flags by source file, without the compiler, the file and the outputs."""
    flags = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), tree.ROOT)
        words = shlex.split(entry["command"])
        kept, skip = [], False
        for word in words[1:]:
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MQ", "-MT"):
                skip = True
            elif word.startswith("-") and word not in ("-c", "-MD"):
                kept.append(word)
        flags[path] = kept
    return flags


def flags_for(path):
    """The file's own flags, or for a header those of the source that lives closest to it."""
    if path in commands():
        return commands()[path]

    def distance(source):
        a, b = path.split("/"), source.split("/")
        same = os.path.commonprefix([a[:-1], b[:-1]])
        return (-len(same), a[-1].split(".")[0] != b[-1].split(".")[0], source)
    # Third parties' sources compiled here have no path to ours.
    return commands()[min((source for source in commands() if "-I.." in commands()[source]), key=distance)]


def run_all(work, items):
    """work(item) -> problem or "" for every item, as many side by side as there are cores."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for problem in pool.map(work, items) if problem]


def headers():
    return [path for path in tree.with_suffix(".h") if path.startswith(LAYERS)]


def compile_header(path):
    unit = BUILD / "tidy-headers" / (path.replace("/", "__") + ".cc")
    content = f'#include "{path}"\n#include "{path}"\n'
    if not unit.exists() or unit.read_text() != content:
        unit.parent.mkdir(parents=True, exist_ok=True)
        unit.write_text(content)
    # A function that only a .cc calls is unused here, and that is as it should be.
    command = ["ccache", "clang++-19", *flags_for(path), "-Wno-unused-function", "-Wno-unneeded-internal-declaration",
               "-fsyntax-only", str(unit.relative_to(BUILD))]
    done = subprocess.run(command, cwd=BUILD, capture_output=True, text=True)
    return f"{path} does not compile alone:\n{done.stderr}" if done.returncode else ""


def git(*words):
    done = subprocess.run(["git", *words], cwd=tree.ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def changed():
    """Files that differ from the branch this one left; on main itself, from a few commits ago."""
    head = git("rev-parse", "HEAD").strip()
    base = git("merge-base", "HEAD", "origin/main").strip() or git("merge-base", "HEAD", "main").strip()
    if not base or base == head:
        base = git("rev-parse", "--verify", "-q", f"HEAD~{LAST_COMMITS}").strip()
    if not base:
        return set(tree.files())
    return set(git("diff", "--name-only", base).split()) | set(git("ls-files", "-o", "--exclude-standard").split())


def tidy_sources(everything):
    """What clang-tidy is run on: sources, and for a changed header the source of the same name."""
    wanted = set(commands()) if everything else changed()
    sources = set()
    for path in wanted:
        source = path.removesuffix(".h") + ".cc" if path.endswith(".h") else path
        if source in commands() and source.startswith(LAYERS):
            sources.add(source)
    return sorted(sources)


def tidy_key(path):
    digest = hashlib.sha256()
    digest.update(version().encode())
    digest.update(tree.text(".clang-tidy").encode())
    digest.update(" ".join(flags_for(path)).encode())
    for part in sorted(tree.closure(path)):
        digest.update(f"\n{part}\n".encode() + (tree.ROOT / part).read_bytes())
    return digest.hexdigest()


@functools.cache
def version():
    return subprocess.run(["clang-tidy-19", "--version"], capture_output=True, text=True, check=True).stdout


def tidy_file(path):
    mark = CACHE / tidy_key(path)
    if mark.exists():
        return ""
    # Instrumentation and warnings are the build's affair; clang-tidy's own findings are asked for here.
    done = subprocess.run(["clang-tidy-19", "--quiet", "-p", "build", path], cwd=tree.ROOT,
                          capture_output=True, text=True)
    if done.returncode:
        found = [line for line in done.stdout.splitlines() if line.strip()]
        return "\n".join(found) or f"{path}: {done.stderr}"
    CACHE.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return ""
