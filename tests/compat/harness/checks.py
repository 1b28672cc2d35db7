"""How a client program written in Python states its checks, and how every client reports them.

The report is the same for all languages, one line each on standard output:

    plan N                 before anything else, so that a program that dies cannot look complete
    ok TITLE               the claim held
    not ok TITLE           it did not; following lines that start with "# " say why
"""

import os
import signal
import sys
import time
import traceback

BOOTSTRAP = os.environ.get("COMPAT_BOOTSTRAP", "")
KIND = os.environ.get("COMPAT_KIND", "strandline")
PREFIX = os.environ.get("COMPAT_PREFIX", "compat")
CHECK_SECONDS_MAX = 60

_checks = []


def check(title, only=None):
    """Registers a check; `only="strandline"` for what Apache Kafka does differently by design."""

    def register(body):
        if only in (None, KIND):
            _checks.append((title, body))
        return body

    return register


def topic(name):
    """A name no other client's checks use; `run` gives each client its own prefix."""
    return f"{PREFIX}-{name}"


def same(got, expected, what="value"):
    if got != expected:
        raise AssertionError(f"{what}: got {_short(got)}, expected {_short(expected)}")


def holds(condition, message):
    if not condition:
        raise AssertionError(message)


def settled(condition):
    """What an admin call did shows at once; Apache Kafka's brokers hear of it a little later."""
    deadline = time.monotonic() + (15 if KIND == "kafka" else 0)
    while True:
        try:
            if condition():
                return
        except Exception:  # also "unknown topic" may be said meanwhile, in any client's words
            if time.monotonic() > deadline:
                raise
        else:
            holds(time.monotonic() <= deadline, "the change does not show")
        time.sleep(0.02)


def _short(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}… ({len(text)} characters)"


def _on_alarm(_signal, _frame):
    raise TimeoutError(f"not done within {CHECK_SECONDS_MAX} s")


def run_all():
    """Runs every registered check, each under its own time limit; the exit status is 0."""
    print(f"plan {len(_checks)}", flush=True)
    signal.signal(signal.SIGALRM, _on_alarm)
    for title, body in _checks:
        signal.alarm(CHECK_SECONDS_MAX)
        try:
            body()
            print(f"ok {title}", flush=True)
        except Exception:  # a failing check must not hide the ones behind it
            signal.alarm(0)
            print(f"not ok {title}")
            for line in traceback.format_exc().strip().splitlines():
                print(f"# {line}")
            sys.stdout.flush()
        finally:
            signal.alarm(0)
    # Client libraries keep threads; a check that timed out may have left one that never ends.
    sys.stdout.flush()
    os._exit(0)
