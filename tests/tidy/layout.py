"""What a file looks like: length, contract, titles, and that the build knows it."""

import json
import pathlib
import re
import subprocess

import tree

LINES_MAX = 600
# Compiled by the scripts that run them, without our code: neutral clients and bare loops.
BUILT_APART = ("tests/compat/", "benchmarks/macro/", "benchmarks/baseline/")
CODE = (".h", ".cc", ".py", ".sh", ".java", ".js", ".proto")
TITLE = re.compile(r'^\s*(?:TEST_CASE|TEMPLATE_TEST_CASE|TEST_CASE_METHOD)\(\s*(?:\w+,\s*)?"((?:[^"\\]|\\.)*)"',
                   re.MULTILINE)
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


def check_length():
    """no source file is longer than 600 lines"""
    for path in [*tree.with_suffix(*CODE), *tree.scripts("bash"), *tree.scripts("python3")]:
        lines = tree.text(path).count("\n")
        if lines > LINES_MAX:
            yield f"{path}: {lines} lines, at most {LINES_MAX}: look for the seam"


def check_contract():
    """headers open with what they are for, say their thread, and are included once"""
    for path in tree.with_suffix(".h"):
        source = tree.text(path)
        if not source.startswith("// "):
            yield f"{path}: opens without the comment that says what it is for"
        if not re.search(r"^#pragma once$", source, re.MULTILINE):
            yield f"{path}: has no #pragma once"
        if needs_thread(path, source) and not re.search(r"^\s*// Thread\b", source, re.MULTILINE):
            yield f'{path}: no line "// Thread   ..." says who may call it'


def needs_thread(path, source):
    """Private parts of one source, and headers that only collect others, leave it to those."""
    opening = source.split("#pragma once")[0]
    private = re.search(r"\b(?:alone|Only \w+\.cc)\b", opening)
    declares = re.search(r"^\s*(?:class|struct|template|using|constexpr|inline|\w+ \w+\()", source, re.MULTILINE)
    return declares and not private and not path.startswith(("tests/", "benchmarks/"))


def check_titles():
    """test titles are claims: subject, colon, sentence"""
    for path in tree.with_suffix(".cc", ".h"):
        for match in TITLE.finditer(tree.text(path)):
            # A macro may add the name of an implementation behind the colon.
            if not re.match(r"[^:]+: ?", match[1]):
                line = tree.text(path).count("\n", 0, match.start()) + 1
                yield f'{path}:{line}: "{match[1]}": write it as "subject: what holds"'


def check_unfinished():
    """nothing is left for later in the code"""
    for path in [*tree.with_suffix(*CODE, ".build"), *tree.scripts("bash"), *tree.scripts("python3")]:
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{path}:{number}: {line.strip()}"


def check_built():
    """every .cc is named in a meson.build, so that no test is forgotten"""
    named = {}
    for path in tree.with_suffix(".cc"):
        folder = pathlib.PurePath(path).parent
        # A list may stand in the folder's own file or in one above it, with the path from there.
        for up in [folder, *folder.parents]:
            build = str(up / "meson.build") if str(up) != "." else "meson.build"
            if build not in named:
                named[build] = tree.text(build) if (tree.ROOT / build).is_file() else ""
            if f"{pathlib.PurePath(path).relative_to(up)}'" in named[build]:
                break
        else:
            if not path.startswith(BUILT_APART):
                yield f"{path}: no meson.build names it"


def check_formatting():
    """clang-format has nothing to change (tools/format does it)"""
    paths = tree.with_suffix(".h", ".cc")
    # In batches, one after the other: two writers would mix their lines.
    for start in range(0, len(paths), 50):
        done = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *paths[start:start + 50]],
                              cwd=tree.ROOT, capture_output=True, text=True)
        for path in sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line}):
            yield f"{path}: run tools/format"


def check_shell():
    """shellcheck has nothing to say about the scripts"""
    paths = [*tree.scripts("bash"), *tree.with_suffix(".sh")]
    done = subprocess.run(["shellcheck", "-x", *sorted(set(paths))], cwd=tree.ROOT, capture_output=True, text=True)
    if done.returncode:
        yield done.stdout + done.stderr


def check_python():
    """Python scripts compile on Debian 12's interpreter and JSON can be read"""
    for path in {*tree.with_suffix(".py"), *tree.scripts("python3")}:
        try:
            compile(tree.text(path), path, "exec")
        except SyntaxError as error:
            yield f"{path}:{error.lineno}: {error.msg}"
    for path in tree.with_suffix(".json"):
        try:
            json.loads(tree.text(path))
        except ValueError as error:
            yield f"{path}: {error}"


CHECKS = [check_length, check_contract, check_titles, check_unfinished, check_built, check_formatting,
          check_shell, check_python]
