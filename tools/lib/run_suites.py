#!/usr/bin/python3
"""Runs the suites of tests/budget.toml and ends with the line "N passed, N failed".

A suite is a command that prints "N passed, N failed" as its last line. The runner gives it a build
variant, a time budget and a log file; what it does in there is its own. docs/testing.md describes
the interface. Started by tools/test, which has set up the environment.
"""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(os.environ.get("STRANDLINE_ROOT") or pathlib.Path(__file__).parents[2])
BUILD_DIRS = {"release": "build", "asan": "build-asan", "tsan": "build-tsan"}
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed$")
KNOWN_KEYS = {"minutes", "minutes_long", "run", "variant", "targets", "long", "about"}
TAIL_LINES = 200  # of a failing suite's log; the whole log stays in build/test-logs


class Suite:
    """One table of budget.toml, checked: a misspelt key must not quietly switch a suite off."""

    def __init__(self, name, table):
        unknown = set(table) - KNOWN_KEYS
        if unknown or "minutes" not in table or "run" not in table:
            sys.exit(f"tests/budget.toml: suite.{name} needs minutes and run; unknown: {sorted(unknown)}")
        self.name = name
        self.run = table["run"]
        self.variant = table.get("variant", "release")
        if self.variant not in BUILD_DIRS:
            sys.exit(f"tests/budget.toml: suite.{name}: no variant '{self.variant}'")
        self.targets = table.get("targets", ["all"])
        self.only_long = table.get("long", False)
        self.minutes = table["minutes"]
        self.minutes_long = table.get("minutes_long", self.minutes)


def arguments():
    parser = argparse.ArgumentParser(prog="tools/test")
    parser.add_argument("--long", action="store_true", help="full length, long suites included")
    parser.add_argument("--only", action="append", default=[], metavar="SUITE")
    parser.add_argument("--verbose", action="store_true", help="print the suites' output as it comes")
    parser.add_argument("--list", action="store_true", help="print the suites and stop")
    return parser.parse_args()


def chosen(suites, args):
    unknown = set(args.only) - {suite.name for suite in suites}
    if unknown:
        sys.exit(f"tools/test: no such suite: {', '.join(sorted(unknown))} (see --list)")
    if args.only:
        return [suite for suite in suites if suite.name in args.only]
    return [suite for suite in suites if args.long or not suite.only_long]


def show(text):
    print(text, flush=True)


def build(variant, targets, minutes):
    """True when the variant was built. A failed build shows the compiler's words and counts as one."""
    show(f"build {variant:<9} ...")
    began = time.monotonic()
    log = ROOT / "build/test-logs" / f"build-{variant}.log"
    with log.open("w") as out:
        command = [ROOT / "tools/build", "--variant", variant, *targets]
        code = run_group(command, out, minutes * 60, {})
    took = time.monotonic() - began
    if code == 0:
        show(f"build {variant:<9} done {took:8.1f} s")
        return True
    print_tail(log)
    show(f"build {variant:<9} FAILED {took:6.1f} s: " + ("over its time" if code is None else f"status {code}"))
    return False


def run_group(command, out, seconds, env):
    """The exit status of a command in a process group of its own; None when its time was up.

    Nothing a suite started outlives it: a daemon left behind would hold ports and CPU of the next.
    """
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                             cwd=ROOT, env={**os.environ, **env}, start_new_session=True)
    try:
        return child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill_group(child.pid, signal.SIGTERM)
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            pass
        return None
    finally:
        kill_group(child.pid, signal.SIGKILL)
        child.wait()


def kill_group(pid, sig):
    try:
        os.killpg(pid, sig)
    except ProcessLookupError:
        pass


def print_tail(log):
    lines = log.read_text(errors="replace").splitlines()
    if len(lines) > TAIL_LINES:
        show(f"    [{len(lines) - TAIL_LINES} lines before this in {log.relative_to(ROOT)}]")
    for line in lines[-TAIL_LINES:]:
        # Indented, so that no line of a suite can be taken for the run's own closing line.
        show("    " + line)


def run_suite(suite, long_run, verbose):
    """(passed, failed) of one suite. No result, no tests and too much time are failures."""
    minutes = suite.minutes_long if long_run else suite.minutes
    log = ROOT / "build/test-logs" / f"{suite.name}.log"
    env = {
        "BUILD_DIR": str(ROOT / BUILD_DIRS[suite.variant]),
        "VARIANT": suite.variant,
        "STRANDLINE_LONG": "1" if long_run else "0",
    }
    began = time.monotonic()
    with log.open("w") as out:
        tail = subprocess.Popen(["tail", "-f", "-n", "+1", log]) if verbose else None
        code = run_group(["bash", "-c", suite.run], out, minutes * 60, env)
        if tail:
            time.sleep(0.3)
            tail.terminate()
            tail.wait()
    took = time.monotonic() - began

    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    match = COUNTS.match(lines[-1]) if lines else None
    passed, failed = (int(match[1]), int(match[2])) if match else (0, 0)
    problem = ""
    if code is None:
        problem = f"over its budget of {minutes} min"
    elif not match:
        problem = f"no closing line, status {code}"
    elif passed + failed == 0:
        problem = "ran no test"
    elif code != 0 and failed == 0:
        problem = f"status {code}"
    if problem:
        failed += 1
    if failed and not verbose:
        print_tail(log)
    show(f"suite {suite.name:<12} {passed:5} passed, {failed:3} failed "
         f"{took:8.1f} s of {minutes} min" + (f"  [{problem}]" if problem else ""))
    return passed, failed


def main():
    args = arguments()
    with (ROOT / "tests/budget.toml").open("rb") as file:
        budget = tomllib.load(file)
    suites = chosen([Suite(name, table) for name, table in budget["suite"].items()], args)
    if args.list:
        for suite in suites:
            show(f"{suite.name:<12} {suite.minutes:4} min  {suite.variant:<8} {suite.run}")
        return 0

    began = time.monotonic()
    (ROOT / "build/test-logs").mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    broken = set()
    for variant in BUILD_DIRS:
        mine = [suite for suite in suites if suite.variant == variant]
        targets = sorted({target for suite in mine for target in suite.targets})
        if mine and not build(variant, targets, budget["build"]["minutes"]):
            broken.add(variant)
            failed += 1
    for suite in suites:
        if suite.variant in broken:
            show(f"suite {suite.name:<12} not run: its build failed")
            failed += 1
            continue
        suite_passed, suite_failed = run_suite(suite, args.long, args.verbose)
        passed += suite_passed
        failed += suite_failed
    show(f"took {(time.monotonic() - began) / 60:.1f} min")
    show(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
