"""One flipped bit in each kind of file, while the broker is down: what is served afterwards is right,
or the partition answers an error; files that can be rebuilt are, and the other partitions serve on."""

import os
import random
import shutil
import tempfile

from harness import checker, load
from harness.broker import Broker, StartFailed
from harness.disk import files_below
from harness.history import History
from scenarios.power import SETTINGS

TOPIC_CONFIG = {"segment.bytes": "131072", "retention.ms": "-1", "index.interval.bytes": "256"}
# Files of the topic and of the directory. True: can be rebuilt, so that everything is served.
KINDS = [
    (".log", False), (".index", True), (".timeindex", True), (".arrivals", True),
    (".digest", True), (".snapshot", True), ("checkpoint.0", True), ("checkpoint.1", True),
]


def _make_data(options, home, history):
    broker = Broker(options.broker, f"{home}/made", SETTINGS, work=home)
    try:
        broker.start()
        load.create_topic(broker.bootstrap, TOPIC_CONFIG)
        producers = load.Load(broker.bootstrap, history, pause=0.0003)
        producers.start()
        producers.wait_for_acks(6000, 60)
        status = broker.stop()
        broker.start()  # the second start uses the other slot of the checkpoint
        producers.wait_for_acks(3000, 60)
        producers.finish(30)
        return status or broker.stop()
    finally:
        broker.kill()


def _flip(path, prng):
    size = os.path.getsize(path)
    position, bit = prng.randrange(size), prng.randrange(8)
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ (1 << bit)]))
    return position


def _read_or_error(broker, history):
    """Reads each partition; (partitions that gave errors, messages)."""
    errors = {}
    for partition in range(load.PARTITIONS):
        reader = load.Reader(broker.bootstrap)
        try:
            history.add_read(reader.read(partition, seconds=5))
        except RuntimeError as error:
            errors[partition] = str(error)
        finally:
            reader.close()
    return errors


def _one(options, home, made, suffix, rebuildable, prng):
    """Flips one bit in a copy of the data; "" or what is wrong."""
    data = f"{home}/data"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(f"{home}/made", data)
    files = [f for f in files_below(data, suffix)
             if os.path.getsize(f) > 0 and "__cluster_metadata" not in f]
    if not files:
        return f"no {suffix} file with bytes in it"
    victim = prng.choice(files)
    position = _flip(victim, prng)
    what = f"{os.path.relpath(victim, data)} at position {position}"
    history = History()
    history.invoked, history.acked = made.invoked, made.acked
    broker = Broker(options.broker, data, SETTINGS, work=home)
    try:
        broker.start()
        errors = _read_or_error(broker, history)
        # A partition with an error is judged by that alone.
        history.acked = {w: acks for w, acks in made.acked.items() if w[1] not in errors}
        found = checker.check(history)
        if found:
            return f"{what}: " + "; ".join(f"{name} {text}" for name, text in found[:3])
        if errors and (rebuildable or len(errors) > 1):
            return f"{what}: errors {errors}\n{broker.log_since_start()}"
        if not broker.alive():
            return f"{what}: the broker ended\n{broker.log_tail()}"
        return ""
    except StartFailed as error:
        return f"{what}: {error}"
    finally:
        broker.kill()


def run(tally, options):
    home = tempfile.mkdtemp(prefix="crash-flips-")
    prng = random.Random(options.seed + 3)
    made = History()
    try:
        status = _make_data(options, home, made)
        tally.check("bit flips: the broker closes cleanly", status == 0, f"status {status}")
        for suffix, rebuildable in KINDS:
            rounds = 12 if options.long else 2
            problems = []
            for _ in range(rounds):
                problem = _one(options, home, made, suffix, rebuildable, prng)
                if problem:
                    problems.append(problem)
            outcome = "rebuilt, and everything is served" if rebuildable else "found, never served"
            tally.check(f"bit flips: one in a {suffix} file is {outcome}", not problems,
                        "\n".join(problems))
        _identity(tally, options, home, prng)
        _metadata(tally, options, home, made, prng)
    finally:
        if options.keep:
            print(f"# kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


def _identity(tally, options, home, prng):
    """Without its identity a directory is refused, with a sentence."""
    data = f"{home}/data"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(f"{home}/made", data)
    _flip(f"{data}/meta", prng)
    broker = Broker(options.broker, data, SETTINGS, work=home)
    try:
        broker.start(wait=False)
        status = broker.wait_end(10)
        said = "meta" in broker.log_since_start()
        tally.check("bit flips: a damaged meta is refused by name", status == 1 and said,
                    f"status {status}\n{broker.log_since_start()}")
    finally:
        broker.kill()


def _metadata(tally, options, home, made, prng):
    """The metadata log cannot be rebuilt on a single node: refused, or read right."""
    problems = []
    for _ in range(12 if options.long else 3):
        data = f"{home}/data"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(f"{home}/made", data)
        logs = [f for f in files_below(data, ".log") if "__cluster_metadata" in f]
        position = _flip(logs[0], prng)
        history = History()
        history.invoked, history.acked = made.invoked, made.acked
        broker = Broker(options.broker, data, SETTINGS, work=home)
        try:
            broker.start()
            load.read_everything(broker.bootstrap, history)
            problems += [f"position {position}: {what}" for _, what in checker.check(history)]
        except StartFailed:
            if "metadata" not in broker.log_since_start():
                problems.append(f"position {position}: refused without a word\n"
                                f"{broker.log_since_start()}")
        except RuntimeError as error:
            problems.append(f"position {position}: {error}")
        finally:
            broker.kill()
    tally.check("bit flips: one in the metadata log is refused by name, or does no harm",
                not problems, "\n".join(problems))
