"""One flipped bit in each kind of file, while the broker is down: what is served afterwards is right
to the last byte, or the partition answers an error; files that can be rebuilt are, and the other
partitions serve on."""

import os
import random
import shutil
import struct
import tempfile

from harness import checker, client, load, reader
from harness.history import BASE_TIMESTAMP, History
from rig.batch import ServedWrong
from rig.broker import Broker, StartFailed
from rig.disk import files_below
from scenarios.power import SETTINGS

TOPIC_CONFIG = {"segment.bytes": "131072", "retention.ms": "-1", "index.interval.bytes": "256"}
METADATA = "__cluster_metadata-0"
TIMES = [BASE_TIMESTAMP + ms for ms in (0, 1, 700, 1401, 3500, 7000, 9999, 14000)]

# What may become of a flip.
SERVED = "everything is served"  # it can be rebuilt
SERVED_OR_ERROR = "its partition answers an error and the log names the place"
SERVED_OR_REFUSED = "everything is served, or the start is refused by name"
REFUSED = "the start is refused by name"


def _logs(data):
    """The .log files of each partition, in order."""
    return [files_below(f"{data}/{load.TOPIC}-{p}", ".log") for p in range(load.PARTITIONS)]


def _of_topic(suffix):
    return lambda data: [f for f in files_below(data, suffix) if f"/{load.TOPIC}-" in f]


def _of_metadata(suffix):
    return lambda data: [f for f in files_below(data, suffix) if METADATA in f]


def _named(name):
    return lambda data: [f"{data}/{name}"]


def _anywhere(path, prng):
    return prng.randrange(os.path.getsize(path))


def _batches(path):
    """Where each batch begins."""
    starts, at = [], 0
    with open(path, "rb") as file:
        data = file.read()
    while at + 12 <= len(data):
        starts.append(at)
        at += 12 + struct.unpack_from(">i", data, at + 8)[0]
    return starts


def _unguarded(path, prng):
    """Of the fields of a batch that its checksum does not cover: base offset, length, leader epoch,
    magic, and the checksum itself."""
    return prng.choice(_batches(path)) + prng.randrange(21)


def _first_epoch(path, prng):
    """Of the leader epoch of a batch with none before it that could tell."""
    return _batches(path)[0] + 12 + prng.randrange(4)


def _last_epoch(path, prng):
    return _batches(path)[-1] + 12 + prng.randrange(4)


# (title, files, where in them, what may become of it)
KINDS = [
    ("a sealed .log", lambda d: [f for logs in _logs(d) for f in logs[:-1]], _anywhere,
     SERVED_OR_ERROR),
    ("the active .log", lambda d: [logs[-1] for logs in _logs(d)], _anywhere, SERVED_OR_ERROR),
    ("a batch header of a sealed .log", lambda d: [f for logs in _logs(d) for f in logs[:-1]],
     _unguarded, SERVED_OR_ERROR),
    ("a batch header of the active .log", lambda d: [logs[-1] for logs in _logs(d)], _unguarded,
     SERVED_OR_ERROR),
    ("the first leader epoch of a sealed .log",
     lambda d: [f for logs in _logs(d) for f in logs[:-1]], _first_epoch, SERVED_OR_ERROR),
    ("the last leader epoch of the active .log", lambda d: [logs[-1] for logs in _logs(d)],
     _last_epoch, SERVED_OR_ERROR),
    ("an .index", _of_topic(".index"), _anywhere, SERVED),
    ("a .timeindex", _of_topic(".timeindex"), _anywhere, SERVED),
    ("an .arrivals", _of_topic(".arrivals"), _anywhere, SERVED),
    ("a .digest", _of_topic(".digest"), _anywhere, SERVED),
    ("a .snapshot", _of_topic(".snapshot"), _anywhere, SERVED),
    ("checkpoint.0", _named("checkpoint.0"), _anywhere, SERVED),
    ("checkpoint.1", _named("checkpoint.1"), _anywhere, SERVED),
    ("a partition.metadata", _of_topic("partition.metadata"), _anywhere, SERVED_OR_ERROR),
    ("meta", _named("meta"), _anywhere, REFUSED),
    ("the metadata .log", _of_metadata(".log"), _anywhere, SERVED_OR_REFUSED),
    ("a batch header of the metadata .log", _of_metadata(".log"), _unguarded, SERVED_OR_REFUSED),
    ("the metadata .index", _of_metadata(".index"), _anywhere, SERVED),
    ("the metadata .timeindex", _of_metadata(".timeindex"), _anywhere, SERVED),
    ("the metadata .arrivals", _of_metadata(".arrivals"), _anywhere, SERVED),
]


class _Served:
    """All that clients see of a partition: batches, look-ups by time, producer state."""

    def __init__(self, broker, partition, small_fetches):
        self.error = None
        self.read = None
        source, asker = reader.Reader(broker.bootstrap, small_fetches), client.Client(broker.bootstrap)
        try:
            self.read = source.read(partition, seconds=10)
            self.seen = (
                self.read.log_start, self.read.end, self.read.batches_crc,
                [source.offset_of_time(partition, when, 10) for when in TIMES],
                client.describe_producers(asker, load.TOPIC, partition),
            )
        except RuntimeError as error:
            self.error = error
            self.read = self.read or getattr(error, "read", None)
        finally:
            source.close()
            asker.close()


class _Flips:
    def __init__(self, options, home, prng):
        self._options, self._home, self._prng = options, home, prng
        self._made = History()
        self._right = []

    def make(self):
        """The data that is damaged later, and how it is served whole; (exit status, log of the start
        with it)."""
        broker = self._broker("made")
        try:
            broker.start()
            load.create_topic(broker.bootstrap, TOPIC_CONFIG)
            self._fill_metadata(broker)
            producers = load.Load(broker.bootstrap, self._made, pause=0.0003)
            producers.start()
            producers.wait_for_acks(6000, 60)
            status = broker.stop()
            broker.start()  # the second start uses the other slot of the checkpoint
            producers.wait_for_acks(3000, 60)
            producers.finish(30)
            status = status or broker.stop()
        finally:
            broker.kill()
        self._copy()
        broker = self._broker("data")
        try:
            broker.start()
            served = [_Served(broker, p, False) for p in range(load.PARTITIONS)]
            self._right = [one.seen for one in served]
            return status, broker.log_since_start()
        finally:
            broker.kill()

    def _fill_metadata(self, broker):
        """So that its log has index rows."""
        asker = client.Client(broker.bootstrap)
        for number in range(30):
            client.create_topic(asker, f"other-{number}", 1, {"retention.ms": "-1"})
        asker.close()

    def one(self, files_of, position_of, outcome):
        """Flips one bit in a copy of the data; "" or what is wrong."""
        self._copy()
        data = f"{self._home}/data"
        files = [f for f in files_of(data) if os.path.exists(f) and os.path.getsize(f) > 0]
        if not files:
            return "no such file with bytes in it"
        victim = self._prng.choice(files)
        position = position_of(victim, self._prng)
        bit = self._prng.randrange(8)
        with open(victim, "r+b") as file:
            file.seek(position)
            byte = file.read(1)[0]
            file.seek(position)
            file.write(bytes([byte ^ (1 << bit)]))
        name = os.path.relpath(victim, data)
        problem = self._judge(name, outcome)
        return problem and f"{name}, bit {bit} of byte {position}: {problem}"

    def _judge(self, name, outcome):
        broker = self._broker("data")
        try:
            broker.start()
        except StartFailed:
            log = broker.log_since_start()
            named = os.path.dirname(name) in log and os.path.basename(name) in log
            good = broker.wait_end(0) == 1 and named and outcome in (REFUSED, SERVED_OR_REFUSED)
            return "" if good else f"no start\n{log}"
        else:
            if outcome == REFUSED:
                return f"it started\n{broker.log_since_start()}"
            return self._judge_served(broker, name, outcome)
        finally:
            broker.kill()

    def _judge_served(self, broker, name, outcome):
        history = History()
        history.invoked, history.acked = self._made.invoked, self._made.acked
        wrong = []
        for partition in range(load.PARTITIONS):
            may_fail = outcome == SERVED_OR_ERROR and name.startswith(f"{load.TOPIC}-{partition}/")
            for small_fetches in (False, True):
                try:
                    served = _Served(broker, partition, small_fetches)
                except ServedWrong as bad:
                    wrong.append(f"served {bad}")
                    continue
                if served.read is not None:
                    history.add_read(served.read)
                if served.error is None and served.seen != self._right[partition]:
                    wrong.append(f"partition {partition} serves {served.seen}, right is\n"
                                 f"{self._right[partition]}")
                if served.error is not None and not (
                        may_fail and isinstance(served.error, client.BrokerError)):
                    wrong.append(f"partition {partition}: {served.error}")
                log = broker.log_since_start()
                place = name if name.endswith(".log") else os.path.dirname(name)
                if served.error is not None and place not in log:
                    wrong.append(f"{served.error}, and the log does not name the place")
                if served.error is not None:  # judged by that, and by what came before it
                    history.acked = {w: a for w, a in history.acked.items() if w[1] != partition}
        wrong += [f"{what} {text}" for what, text in checker.check(history)[:3]]
        if not broker.alive():
            wrong.append("the broker ended")
        return "\n".join([*wrong, broker.log_since_start()]) if wrong else ""

    def _broker(self, directory):
        return Broker(self._options.broker, f"{self._home}/{directory}", SETTINGS, work=self._home)

    def _copy(self):
        shutil.rmtree(f"{self._home}/data", ignore_errors=True)
        shutil.copytree(f"{self._home}/made", f"{self._home}/data")


def run(tally, options):
    home = tempfile.mkdtemp(prefix="crash-flips-")
    try:
        flips = _Flips(options, home, random.Random(options.seed + 3))
        status, log = flips.make()
        tally.check("bit flips: the broker closes cleanly", status == 0, f"status {status}")
        tally.check("bit flips: a start after that has nothing to rebuild", "anew" not in log, log)
        for title, files_of, position_of, outcome in KINDS:
            rounds = 20 if options.long else 2
            problems = [flips.one(files_of, position_of, outcome) for _ in range(rounds)]
            tally.check(f"bit flips: one in {title}: {outcome}", not any(problems),
                        "\n".join(filter(None, problems)))
    finally:
        if options.keep:
            print(f"# kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
