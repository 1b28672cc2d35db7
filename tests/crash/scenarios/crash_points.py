"""Every crash point, one by one: the daemon dies at its k-th sync, rename, unlink, truncation,
creation or write, the power goes, and it must come back with everything acknowledged.

The work is always the same, so that k = 1, 2, 3, … walks through start, append, roll, snapshot,
checkpoint, metadata writes and retention; recovery is walked through by dying again at its calls."""

import shutil
import tempfile
import time

from harness import checker, client, load, reader
from harness.history import History
from rig import api
from rig.batch import ServedWrong
from rig.broker import Broker, StartFailed
from rig.disk import Disk
from scenarios.power import SETTINGS

# call -> crash points in CI's share, in the full run, and the step between them in CI's share
CALLS = {
    "fdatasync": (8, 60, 5),
    "fsync": (6, 30, 1),
    "rename,renameat,renameat2": (4, 20, 1),
    "unlink,unlinkat": (3, 12, 2),
    "ftruncate": (3, 12, 1),
    "pwritev,pwritev2,pwrite64": (6, 60, 13),
}
TOPIC_CONFIG = {"segment.bytes": "65536", "retention.bytes": "200000",
                "file.delete.delay.ms": "0"}
# One thread of each kind: strace counts calls thread by thread. Without automatic creation there is
# the topic that was asked for, or none.
MORE = ["checkpoint.interval.ms=20", "log.retention.check.interval.ms=100", "shards=1",
        "disk.threads=1", "sync.threads=1", "auto.create.topics.enable=false"]
WORK_SECONDS = 1.0
RECOVERY_SECONDS = 0.4


DEATH = "signal=KILL"


def _wait_for_answer(broker, seconds):
    deadline = time.monotonic() + seconds
    while broker.alive() and not broker.answers() and time.monotonic() < deadline:
        time.sleep(0.005)


def _create(broker):
    """True when the creation was acknowledged; without that it may have happened or not."""
    asker = client.Client(broker.bootstrap)
    try:
        code = client.create_topic(asker, load.TOPIC, load.PARTITIONS, TOPIC_CONFIG, 2)
    except OSError:  # it died in there
        return False
    finally:
        asker.close()
    if code not in (0, api.TOPIC_ALREADY_EXISTS):
        raise client.BrokerError("CreateTopics", code)
    return True


def _look_for_topic(broker, created, history):
    """A creation that was acknowledged has happened, and none has happened by half."""
    asker = client.Client(broker.bootstrap)
    try:
        code, partitions = client.partition_count(asker, load.TOPIC)
    finally:
        asker.close()
    there = code == 0 and partitions == load.PARTITIONS
    absent = code == api.UNKNOWN_TOPIC
    if not there and (created or not absent):
        history.add_finding(
            "I20", f"the topic, {'created' if created else 'asked for'} with {load.PARTITIONS} "
            f"partitions, has {partitions} (error code {code})")
    if absent:
        _create(broker)


class Point:
    """One fault at the k-th call of the work, another one at the k-th of the recovery.

    Afterwards `ends` has the exit status of each, None where the daemon ran on, and `hits` the files
    whose calls were met."""

    def __init__(self, options, calls, k, home, fault=DEATH):
        self.k = k
        self.history = History()
        self.ends, self.hits = [], []
        self._calls, self._fault = calls, fault
        self._options, self._home = options, home
        self._trace = f"{home}/strace.out"

    def run(self):
        """What is wrong, or ""."""
        with Disk(mebibytes=64) as disk:
            broker = Broker(self._options.broker, disk.data, SETTINGS + MORE, work=self._home)
            producers = load.Load(broker.bootstrap, self.history, producers=2, pause=0.0005)
            follower = reader.Follower(broker.bootstrap, self.history)
            try:
                return self._steps(disk, broker, producers, follower)
            except (StartFailed, RuntimeError, ServedWrong) as error:
                return f"{error}\n{broker.log_since_start()}"
            finally:
                follower.stop()
                broker.kill()
                producers.finish(0)

    def _steps(self, disk, broker, producers, follower):
        broker.start(prefix=self._tracer(), wait=False)
        _wait_for_answer(broker, 4)
        created = broker.alive() and _create(broker)
        producers.start()
        follower.start()
        self._end(disk, broker, WORK_SECONDS, self.k % 2 == 0)
        broker.start(prefix=self._tracer(), wait=False)
        self._end(disk, broker, RECOVERY_SECONDS, self.k % 2 == 1)
        broker.start()
        _look_for_topic(broker, created, self.history)
        unanswered = producers.finish(30)
        follower.stop()
        if unanswered:
            self.history.add_finding("I21", f"{unanswered} records got no answer: "
                                     f"{producers.errors()}")
        reader.read_everything(broker.bootstrap, self.history)
        return "\n".join(f"{name} {what}" for name, what in checker.check(self.history))

    def _tracer(self):
        # Without --seccomp-bpf: strace 6.1 does not send signals with it.
        return ["strace", "-f", "-qq", "-y", "-o", self._trace, "-e", f"trace={self._calls}",
                "-e", f"inject={self._calls}:{self._fault}:when={self.k}"]

    def _end(self, disk, broker, seconds, keep_journal):
        status = broker.wait_end(seconds)
        if status is None and self._met(disk):
            status = broker.wait_end(5)
        broker.kill()
        self.ends.append(status)
        self.hits.append(self._met(disk))
        disk.power_off(keep_journal=keep_journal)
        disk.power_on()

    def _met(self, disk):
        with open(self._trace, errors="replace") as trace:
            return [line.partition("<")[2].partition(">")[0].removeprefix(disk.data + "/")
                    for line in trace if "(INJECTED)" in line]


def run(tally, options):
    home = tempfile.mkdtemp(prefix="crash-points-")
    try:
        for calls, (some, many, step) in CALLS.items():
            ks = range(1, many + 1) if options.long else range(1, 1 + some * step, step)
            name = calls.split(",")[0]
            points, problems = [], []
            for k in ks:
                points.append(Point(options, calls, k, home))
                problem = points[-1].run()
                if problem:
                    problems.append(f"k = {k}: {problem}")
            tally.check(f"crash points: dying at any {name} loses nothing", not problems,
                        "\n".join(problems))
            reached, again = (sum(point.ends[n] is not None for point in points) for n in (0, 1))
            tally.check(f"crash points: {name} is reached in the work", reached > 0)
            print(f"# crash points: {name}: {reached} of {len(points)} reached, {again} in "
                  f"recovery", flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
