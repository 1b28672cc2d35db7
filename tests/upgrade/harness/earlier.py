"""The program of an earlier commit, built as anybody would have built it then."""

import os
import pathlib
import shutil
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[3]
PINNED = ROOT / "tests" / "upgrade" / "previous.toml"


class Unavailable(RuntimeError):
    """In words for the person at the terminal."""


def pinned():
    """(feature level, commit)"""
    with PINNED.open("rb") as file:
        told = tomllib.load(file)
    return told["level"], told["commit"]


def build(commit):
    """The path of its strandlined. A commit is built once; its tree stays below build/."""
    home = ROOT / "build" / "earlier" / commit[:12]
    program = home / "strandlined"
    if program.exists():
        return program
    tree = home / "tree"
    _check_out(commit, tree)
    # It is asked of git which commit this is, and the answer must not be the one around it.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(home)}
    done = subprocess.run([tree / "tools" / "build"], env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Unavailable(f"commit {commit} does not build:\n{done.stdout[-4000:]}")
    shutil.copy2(tree / "build" / "strandlined", home / "strandlined.new")
    os.replace(home / "strandlined.new", program)
    return program


def _check_out(commit, tree):
    """Its files alone; what an attempt that was cut short has compiled is kept."""
    if not _git("cat-file", "-e", commit + "^{commit}"):
        # A clone without history.
        if not _git("fetch", "--quiet", "--depth", "1", "origin", commit):
            raise Unavailable(f"commit {commit} of {PINNED.relative_to(ROOT)} is neither here nor at origin: "
                              "git fetch --unshallow")
    tree.mkdir(parents=True, exist_ok=True)
    archive = subprocess.Popen(["git", "-C", ROOT, "archive", commit], stdout=subprocess.PIPE)
    unpacked = subprocess.run(["tar", "-x", "-C", tree], stdin=archive.stdout)
    archive.stdout.close()
    if archive.wait() != 0 or unpacked.returncode != 0:
        raise Unavailable(f"commit {commit} could not be unpacked into {tree}")


def _git(*words):
    return subprocess.run(["git", "-C", ROOT, *words], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0
