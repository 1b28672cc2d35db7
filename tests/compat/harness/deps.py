"""Fetches the clients that Debian does not package, at pinned versions, once.

Everything lands below CACHE, outside the tree, in a folder named after the pinning file's content:
a second run needs no network, a changed pin fetches anew. A folder is complete when it has its
name; fetching happens beside it and ends with a rename.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get(
    "STRANDLINE_TESTS_CACHE", os.path.join(os.path.expanduser("~"), ".cache", "strandline-tests")
)
FETCH_SECONDS_MAX = 600


def _digest(paths):
    state = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            state.update(os.path.basename(path).encode() + b"\0" + file.read() + b"\0")
    return state.hexdigest()[:16]


def _once(name, pins, fetch):
    """The folder CACHE/name-DIGEST, made by fetch(folder) if it is not there."""
    folder = os.path.join(CACHE, f"{name}-{_digest(pins)}")
    if os.path.isdir(folder):
        return folder
    os.makedirs(CACHE, exist_ok=True)
    fresh = tempfile.mkdtemp(prefix=f".{name}-", dir=CACHE)
    try:
        fetch(fresh)
        os.rename(fresh, folder)
    except OSError:
        if not os.path.isdir(folder):  # else another run was first
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _run(command, cwd=None):
    done = subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=FETCH_SECONDS_MAX,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")


def java_jars():
    """The folder with Kafka's broker, tools and clients and all they need (java/pom.xml)."""
    pom = os.path.join(HERE, "java", "pom.xml")

    def fetch(folder):
        _run(
            [
                "mvn",
                "-B",
                "-q",
                "-f",
                pom,
                "dependency:copy-dependencies",
                f"-DoutputDirectory={folder}",
            ]
        )

    return _once("kafka-jars", [pom], fetch)


def java_classpath():
    return os.path.join(java_jars(), "*")


def java_classes(name, sources):
    """The folder with the compiled classes of our own Java programs."""
    jars = java_jars()

    def fetch(folder):
        _run(
            [
                "javac",
                "-Xlint:all,-processing,-classfile",
                "-Werror",
                "-proc:none",
                "--release",
                "17",
                "-cp",
                os.path.join(jars, "*"),
                "-d",
                folder,
            ]
            + sources
        )

    return _once(name, [os.path.join(HERE, "java", "pom.xml")] + sources, fetch)


def node_modules(name):
    """The folder of an npm package of ours with its dependencies installed from its lock file."""
    package = os.path.join(HERE, name, "package.json")
    lock = os.path.join(HERE, name, "package-lock.json")

    def fetch(folder):
        shutil.copy(package, folder)
        shutil.copy(lock, folder)
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)

    return os.path.join(_once(name, [package, lock], fetch), "node_modules")


def python_packages(name):
    """A folder for PYTHONPATH with the packages of clients/NAME.txt, checked against its hashes."""
    pins = os.path.join(HERE, "clients", f"{name}.txt")

    def fetch(folder):
        _run(
            [
                "/usr/bin/python3",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--target",
                folder,
                "-r",
                pins,
            ]
        )

    return _once(name, [pins], fetch)


def cxx_program(name, sources, libraries, optimize="-O1"):
    """Compiles a small C++ program; it is kept until one of its files changes."""
    units = [source for source in sources if source.endswith(".cc")]

    def fetch(folder):
        _run(
            ["clang++-19", "-std=c++20", optimize, "-Wall", "-Wextra", "-Werror", *units]
            + ["-o", os.path.join(folder, name)]
            + [f"-l{library}" for library in libraries]
        )

    return os.path.join(_once(name, sources, fetch), name)
