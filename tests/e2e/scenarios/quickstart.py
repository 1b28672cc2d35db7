"""The demonstrations that the README promises, as tools/quickstart runs them once the broker is built."""

import os
import subprocess
import sys
import tempfile

from rig.broker import free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
QUICKSTART = os.path.join(ROOT, "tools", "lib", "quickstart.py")
SECONDS_MAX = 120


def _demonstrate(options, brokers):
    with tempfile.TemporaryDirectory(prefix="e2e-quickstart-") as home:
        command = [sys.executable, QUICKSTART, "--binary", options.broker, "--brokers", str(brokers),
                   "--data", os.path.join(home, "data")]
        if brokers == 1:
            command += ["--port", str(free_port())]  # three find free ones by themselves
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)


def run(tally, options):
    one = _demonstrate(options, 1)
    tally.check("quickstart: one broker gives every event back, also after kill -9",
                one.returncode == 0 and one.stdout.count("equal byte for byte") == 2,
                one.stdout + one.stderr)
    three = _demonstrate(options, 3)
    tally.check("quickstart: three brokers give every event back, also after kill -9 of a leader",
                three.returncode == 0 and three.stdout.count("equal byte for byte") == 2
                and "which led partition 0" in three.stdout, three.stdout + three.stderr)
