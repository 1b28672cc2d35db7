"""The command line and the start: what a person meets first."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from rig import api
from rig.batch import batch
from rig.broker import Broker, free_port
from rig.wire import Wire

SECONDS_MAX = 20
BAD_START, BAD_USAGE = 1, 2
STARTS = 10
READY_SECONDS_MAX = 0.15


def _run(options, *arguments, cwd=None):
    return subprocess.run([options.broker, *arguments], capture_output=True, text=True, cwd=cwd,
                          timeout=SECONDS_MAX, stdin=subprocess.DEVNULL, check=False)


def _telling(tally, options):
    got = _run(options, "--help")
    options_told = all(word in got.stdout for word in (
        "--data", "--listen", "--config", "--set", "--explain", "--check-config", "--version"))
    tally.check("command line: --help tells every option, on stdout, with status 0",
                got.returncode == 0 and options_told and not got.stderr, got)
    got = _run(options, "--version")
    tally.check("command line: --version is one line", got.returncode == 0 and re.fullmatch(
        r"strandlined \d+\.\d+\.\d+\S*\n", got.stdout) is not None, got)
    everything = _run(options, "--explain")
    keys = re.findall(r"^([a-z][\w.*]+)$", everything.stdout, re.MULTILINE)
    tally.check("command line: --explain tells all settings", everything.returncode == 0 and
                len(keys) > 30 and {"data", "memory.budget", "kafka.listen"} <= set(keys), keys)
    one_by_one = [key for key in keys if key != "topic.defaults.*" and (
        _run(options, "--explain", key).stdout.strip() not in everything.stdout)]
    tally.check("command line: --explain KEY tells each of them alike", not one_by_one, one_by_one)
    got = _run(options, "--explain", "topic.defaults.retention.ms")
    tally.check("command line: --explain tells the topic defaults", got.returncode == 0 and
                "retention.ms" in got.stdout, got)


def _wrong(tally, options, home):
    """What is wrong is named, and nothing is touched."""
    unset = f"{home}/none.toml"
    typo, bad = f"{home}/typo.toml", f"{home}/bad.toml"
    with open(typo, "w") as file:
        file.write('memory.budget = "1GiB"\nmax.conections = 5\n')
    with open(bad, "w") as file:
        file.write('memory.budget = = 3\n')
    cases = [
        (["--set", "memroy.budget=1GiB"], ["'memroy.budget'", "'memory.budget'"]),
        (["--set", "topic.defaults.retention.mss=1"], ["topic.defaults.retention.ms"]),
        (["--explain", "shrads"], ["'shrads'", "'shards'"]),
        (["--config", typo], [typo, "max.conections", "max.connections"]),
        (["--config", bad], [bad]),
        (["--config", unset], [unset, "No such file"]),
        (["--set", "shards=many"], ["shards", "many", "256"]),
        (["--set", "shards=257"], ["shards", "257", "256"]),
        (["--set", "memory.budget=1MiB"], ["memory.budget", "64"]),
        (["--set", "memory.budget=12 apples"], ["memory.budget", "apples"]),
        (["--set", "connections.max.idle.ms=-5"], ["connections.max.idle.ms", "-5"]),
        (["--set", "auto.create.topics.enable=maybe"], ["auto.create.topics.enable", "maybe"]),
        (["--set", "log.level=loud"], ["log.level", "loud", "info"]),
        (["--set", "kafka.advertise=nowhere"], ["kafka.advertise", "nowhere"]),
        (["--listen", "127.0.0.1:99999"], ["99999"]),
        (["--set", "node.id"], ["--set", "KEY=VALUE"]),
        (["--set", "memory.budget=64MiB"], ["connection.memory.max.bytes", "memory.budget"]),
        (["--bogus"], ["--bogus"]),
        (["surplus"], ["surplus"]),
    ]
    for arguments, words in cases:
        got = _run(options, "--data", f"{home}/never", *arguments)
        tally.check(f"command line: {' '.join(arguments).replace(home, 'DIR')} is refused with status 2 "
                    "and says why", got.returncode == BAD_USAGE and not got.stdout and all(
                        word in got.stderr for word in words), (words, got))
    got = _run(options, "--check-config", "--config", typo)
    tally.check("command line: --check-config says what is wrong", got.returncode == BAD_USAGE and
                "max.connections" in got.stdout + got.stderr, got)
    good = _run(options, "--check-config", "--set", "shards=3", "--data", f"{home}/never")
    tally.check("command line: --check-config shows what differs from the defaults",
                good.returncode == 0 and "shards = 3" in good.stdout and "fine" in good.stdout, good)
    tally.check("command line: none of this made a data directory", not os.path.exists(f"{home}/never"))


def _no_arguments(tally, options, home):
    """127.0.0.1:9092 and ./strandline-data."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 9092))
            free = True
        except OSError:
            free = False
    if not tally.check("command line: port 9092 of this machine is free for the test", free,
                       "something listens on 127.0.0.1:9092; stop it"):
        return
    process = subprocess.Popen([options.broker], cwd=home, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    try:
        line = process.stdout.readline()
        tally.check("command line: without arguments one line says where it listens", re.fullmatch(
            r"strandlined \S+ listening on 127\.0\.0\.1:9092, http on 127\.0\.0\.1:9644\n", line)
            is not None, repr(line) + (process.stderr.read() if not line else ""))
        with Wire(9092) as wire:
            created = api.create_topic(wire, "first")
            produced = api.produce(wire, "first", batch([b"hello"]))
            got = api.values(api.fetch(wire, "first", 0))
        tally.check("command line: and it serves", (created, produced.error, got) == (0, 0, [b"hello"]),
                    (created, produced, got))
        tally.check("command line: its data is in ./strandline-data",
                    os.path.isdir(f"{home}/strandline-data/first-0"))
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=SECONDS_MAX)
        tally.check("command line: SIGTERM ends it with status 0", process.returncode == 0, errors)
        tally.check("command line: that line was the only one on stdout", output == "", output)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _ports(tally, options, home):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = f"127.0.0.1:{holder.getsockname()[1]}"
        got = _run(options, "--data", f"{home}/p", "--listen", taken)
        tally.check("command line: a taken kafka port is said, with what to do",
                    got.returncode == BAD_START and taken in got.stderr and "--listen" in got.stderr, got)
        got = _run(options, "--data", f"{home}/p", "--listen", "127.0.0.1:0", "--set",
                   f"http.listen={taken}")
        tally.check("command line: a taken http port as well", got.returncode == BAD_START and
                    taken in got.stderr and "http.listen" in got.stderr, got)
    got = _run(options, "--data", f"{home}/p", "--listen", "no-such-host.invalid:9092")
    tally.check("command line: a host that cannot be resolved is named", got.returncode == BAD_START and
                "no-such-host.invalid" in got.stderr, got)


def _signals(tally, options, home):
    for name in ("SIGTERM", "SIGINT"):
        broker = Broker(options.broker, f"{home}/s-{name}", work=home)
        try:
            broker.start()
            with Wire(broker.port) as wire, Wire(broker.port) as waits:
                api.create_topic(wire, "kept", flush_on_ack="false")
                api.produce(wire, "kept", batch([b"not waited for"]))
                waits.send_request(api.FETCH, 5, api.fetch_body("kept", {0: 1}, wait_ms=30_000))
                began = time.monotonic()
                os.kill(broker.process.pid, getattr(signal, name))
                status = broker.wait_end(SECONDS_MAX)
                took = time.monotonic() - began
                closed = waits.closed_within(5)[0]
            tally.check(f"command line: {name} ends a broker with clients at work, with status 0 within "
                        "2 s", status == 0 and took < 2 and closed, (status, took, broker.log_tail()))
            broker.start()
            with Wire(broker.port) as wire:
                got = api.values(api.fetch(wire, "kept", 0))
            clean = "cut an unfinished" not in broker.log_since_start()
            tally.check(f"command line: after {name} everything is there", got == [b"not waited for"] and
                        clean, (got, broker.log_tail()))
        finally:
            broker.kill()


def _fast_starts(tally, options, home):
    """From the exec to the line that says it is ready; the machine is shared, so the median counts."""
    data = f"{home}/fast"
    seconds = []
    for _ in range(STARTS):
        began = time.monotonic()
        process = subprocess.Popen(
            [options.broker, "--data", data, "--listen", f"127.0.0.1:{free_port()}", "--set",
             "http.listen=none"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = process.stdout.readline()
        seconds.append(time.monotonic() - began)
        process.terminate()
        process.wait(SECONDS_MAX)
        process.stdout.close()
        if not line:
            break
    seconds.sort()
    median = seconds[len(seconds) // 2]
    tally.check(f"command line: the median of {STARTS} starts is ready in "
                f"{READY_SECONDS_MAX * 1000:.0f} ms", len(seconds) == STARTS and
                median < READY_SECONDS_MAX, [f"{s * 1000:.0f}" for s in seconds])
    print(f"# command line: ready after {seconds[0] * 1000:.0f} ms at best, {median * 1000:.0f} ms in "
          "the median")


def run(tally, options):
    home = tempfile.mkdtemp(prefix="e2e-cli-")
    try:
        _telling(tally, options)
        _wrong(tally, options, home)
        _no_arguments(tally, options, home)
        _ports(tally, options, home)
        _signals(tally, options, home)
        _fast_starts(tally, options, home)
    finally:
        if not options.keep:
            shutil.rmtree(home, ignore_errors=True)
