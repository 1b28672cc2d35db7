"""Reads what client programs report (harness/checks.py tells the lines) and counts it."""

import os
import signal
import subprocess
import threading


class Tally:
    def __init__(self):
        self._passed = 0
        self._failed = 0
        self._failures = []

    def passed(self, client, title):
        self._passed += 1
        print(f"ok   {client}: {title}", flush=True)

    def failed(self, client, title, why=""):
        self._failed += 1
        self._failures.append(f"{client}: {title}")
        print(f"FAIL {client}: {title}")
        for line in why.strip().splitlines():
            print(f"     {line}")
        print(end="", flush=True)

    def read(self, client, command, environment, seconds_max):
        """Runs the program; every check it planned and did not report is a failure."""
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        timer = threading.Timer(seconds_max, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        planned, reported, why, noise = None, 0, [], []
        failing = None
        try:
            for line in process.stdout:
                line = line.rstrip("\n")
                if failing is not None and line.startswith("# "):
                    why.append(line[2:])
                    continue
                if failing is not None:
                    self.failed(client, failing, "\n".join(why))
                    failing = None
                if line.startswith("plan "):
                    planned = int(line[5:])
                elif line.startswith("ok "):
                    reported += 1
                    self.passed(client, line[3:])
                elif line.startswith("not ok "):
                    reported += 1
                    failing, why = line[7:], []
                else:
                    noise = (noise + [line])[-30:]
        finally:
            timer.cancel()
        status = process.wait()
        if failing is not None:
            self.failed(client, failing, "\n".join(why))
        if planned is None or reported != planned or status != 0:
            self.failed(
                client,
                "the client program runs to its end",
                f"{reported} of {planned} checks reported, exit status {status}, "
                f"limit {seconds_max} s\n" + "\n".join(noise),
            )

    def finish(self):
        for failure in self._failures:
            print(f"failed: {failure}")
        print(f"{self._passed} passed, {self._failed} failed")
        return 1 if self._failed or not self._passed else 0
