"""The measurements in their order. A round runs all cases on one broker, then on the other."""

import signal
import subprocess
import time

from driver import machine
from driver.contenders import VARIANTS, Kafka, Strandline
from driver.measure import Case
from driver.recorder import Recorder

SMALL_BATCH_BYTES = 8192
# A bare loop takes a second for two gigabytes, so that a short run tells more of which free pages it
# met than of the machine: it moves four times the bytes of a run, and the one in the middle counts.
BARE_RUNS = 3
BARE_TIMES = 4
SMALL_FETCH_BYTES = 12288
# One reader waits for a round trip over loopback most of the time, whoever answers; several keep
# the broker busy.
SMALL_FETCH_READERS = 4
MIB = 1 << 20


def matrix(quick):
    """100 B and 1 KB, 1 and 16 partitions, acks 1 and all, codecs none and lz4."""
    if quick:
        return [Case(1000, 1, "all"), Case(100, 16, "1", "lz4")]
    return [
        Case(size, partitions, acks, codec)
        for codec in ("none", "lz4")
        for size in (1000, 100)
        for partitions in (1, 16)
        for acks in ("all", "1")
    ]


class Campaign(Recorder):
    def __init__(self, options, meter, say):
        super().__init__(say)
        self._options = options
        self._meter = meter
        self._topics = 0

    def _broker(self, name):
        return Kafka() if name == "kafka" else Strandline(self._options.broker)

    def _recycle(self, size):
        machine.recycle_pages(self._options.dir, self._options.recycle_bytes or 2 * size)

    def rounds(self):
        for number in range(self._options.rounds):
            self._baselines(number)
            # Whoever goes first has the cooler disk: take turns at that, too.
            names = ["kafka", "strandline"]
            for name in names if number % 2 == 0 else names[::-1]:
                if self._options.only in (None, name):
                    self._one_broker(name, number)

    def _baselines(self, number):
        size = self._options.bytes
        for mode, label, times, options in (
            ("sink", "sink", BARE_TIMES, {}),
            ("sink", "sink, sync each MiB", BARE_TIMES, {"sync_every": MIB}),
            ("sendfile", "sendfile, 1 MiB fetches", BARE_TIMES, {"fetch_bytes": MIB}),
            ("sendfile", "sendfile, 12 KiB fetches", 1, {"fetch_bytes": SMALL_FETCH_BYTES}),
        ):
            runs = []
            for _ in range(BARE_RUNS):
                self._recycle(size)
                runs.append(self._meter.bare(mode, bytes=times * size, **options))
            runs.sort(key=lambda told: told["mb_s"])
            self.keep("bare", label, "bare", number, runs[BARE_RUNS // 2])

    def _one_broker(self, name, number):
        broker = self._broker(name)
        broker.start()
        try:
            self._warm_up(broker)
            variants = [
                (label, topic) for label, (which, topic) in VARIANTS.items() if which == name
            ]
            for case in matrix(self._options.quick):
                for label, configs in variants:
                    # Without acks=all nobody waits for a sync: one variant says it all.
                    if case.acks == "all" or label == name:
                        self._produce(broker, label, configs, case, number)
            for label, configs in variants:
                self._paced(broker, label, configs, number)
            self._small_fetches(broker, name, number)
            self._java(broker, variants, name, number)
        except Exception:
            self._say(f"{name} alive: {broker.alive()}; its last words:\n{broker.log_tail()}")
            raise
        finally:
            broker.stop()
            broker.clean()

    def _warm_up(self, broker):
        """Long enough for the JVM's compiler; Strandline gets the same."""
        case = Case(1000, 4, "all")
        broker.create("warm-up", 4)
        self._meter.load(broker, "first", topic="warm-up")
        for codec in ("none", "lz4"):
            warm = Case(1000, 4, "all", codec)
            self._meter.produce(broker, "warm-up", warm, self._options.warm_up_bytes)
        self._meter.load(broker, "paced", topic="warm-up", rate=2000, seconds=2)
        self._meter.fetch(broker, "warm-up", case, MIB, batch_bytes=1)
        broker.delete("warm-up")

    def _with_topic(self, broker, partitions, configs, body):
        """body(topic) on a topic of its own, which never had a namesake."""
        self._recycle(self._options.bytes)
        self._topics += 1
        topic = f"run-{self._topics}"
        broker.create(topic, partitions, configs)
        try:
            return body(topic)
        finally:
            broker.delete(topic)

    def _produce(self, broker, label, configs, case, number):
        def body(topic):
            told = self._meter.produce(broker, topic, case, self._options.bytes)
            self.keep("produce", case, label, number, told)
            # What was just written is read back where reading differs: once for each shape.
            if label == broker.name and case.acks == "all":
                self.keep(
                    "fetch", case, label, number, self._meter.fetch(broker, topic, case, MIB)
                )
                if case.codec == "none" and case.record_bytes == 1000:
                    told = self._meter.java_reader(broker, topic, case.partitions)
                    self.keep("java-reader", case, label, number, told)

        self._with_topic(broker, case.partitions, configs, body)

    def _paced(self, broker, label, configs, number):
        rate, seconds = self._options.rate, self._options.latency_seconds
        for acks in ("all", "1"):
            if acks == "1" and label != broker.name:
                continue

            def body(topic, acks=acks):
                return self._meter.load(
                    broker, "paced", topic=topic, rate=rate, seconds=seconds, acks=acks
                )

            told = self._with_topic(broker, 16, configs, body)
            case = f"{rate}/s of 1 KB, 16 part., acks={acks}"
            self.keep("latency", case, label, number, told)

    def _small_fetches(self, broker, label, number):
        size = self._options.bytes // 4
        case = Case(1000, 1, "1")

        def body(topic):
            options = {"record_bytes": 1000, "batch_bytes": SMALL_BATCH_BYTES, "acks": "all"}
            self._meter.load(broker, "produce", topic=topic, bytes=size, **options)
            for readers in (1, SMALL_FETCH_READERS):
                told = self._meter.fetch(
                    broker, topic, case, SMALL_FETCH_BYTES, SMALL_BATCH_BYTES, readers
                )
                shown = f"8 KiB batches, 12 KiB fetches, {readers} reader{'s' * (readers > 1)}"
                self.keep("fetch-small", shown, label, number, told)

        self._with_topic(broker, 1, {}, body)

    def _java(self, broker, variants, name, number):
        cases = [Case(1000, 1, "all")]
        if not self._options.quick:
            cases = [
                Case(size, partitions, acks)
                for size in (1000, 100)
                for partitions in (1, 16)
                for acks in ("all", "1")
            ]
        for case in cases:
            for label, configs in variants:
                if case.acks != "all" and label != name:
                    continue
                records = self._options.java_bytes // case.record_bytes

                def body(topic, case=case, records=records):
                    return self._meter.producer_perf(broker, topic, case, records)

                told = self._with_topic(broker, case.partitions, configs, body)
                self.keep("producer-perf", case, label, number, told)

    def starts(self):
        """Start time and memory of an idle broker, with no topic and with 1,000 partitions."""
        for number in range(self._options.rounds):
            for name in ("kafka", "strandline"):
                if self._options.only in (None, name):
                    self._start_once(name, number)

    def _start_once(self, name, number):
        broker = self._broker(name)
        broker.prepare()
        try:
            told = self._meter.start_time(broker, "first")
            time.sleep(0.5)
            told["rss_mb"] = broker.rss_mb()
            self.keep("start", "empty data directory", name, number, told)
            if number == 0:
                for n in range(10):
                    broker.create(f"many-{n}", 100)
                    self._meter.load(broker, "first", topic=f"many-{n}", partitions=100)
                time.sleep(1)
                self.keep("start", "1,000 partitions", name, 0, {"rss_mb": broker.rss_mb()})
        finally:
            broker.stop()
            broker.clean()

    def restarts(self):
        """SIGKILL under load, then until each of 100 partitions has taken a record again."""
        case = Case(1000, 100, "all")
        for name in ("kafka", "strandline"):
            if self._options.only not in (None, name):
                continue
            broker = self._broker(name)
            broker.start()
            try:
                broker.create("restart", case.partitions)
                self._meter.produce(broker, "restart", case, self._options.restart_bytes)
                self._kill_under_load(broker, case)
                told = self._meter.start_time(broker, "restart", case.partitions)
                told["rss_mb"] = broker.rss_mb()
                gigabytes = f"{self._options.restart_bytes / 1e9:g}"
                self.keep("restart", f"SIGKILL, {gigabytes} GB in 100 part.", name, 0, told)
            finally:
                broker.stop()
                broker.clean()

    def _kill_under_load(self, broker, case):
        command = self._meter.load_command(
            broker, "produce", topic="restart", batch_bytes=case.batch_bytes(), bytes=1 << 40
        )
        load = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            broker.kill()
        finally:
            load.send_signal(signal.SIGKILL)
            load.wait()

    def many_partitions(self):
        """10,000 partitions with 4,096 descriptors: each takes a record."""
        if self._options.only == "kafka":
            return
        broker = Strandline(self._options.broker)
        broker.files_max = 4096
        broker.start()
        try:
            began = time.monotonic()
            for n in range(10):
                broker.create(f"many-{n}", 1000)
                self._meter.load(broker, "first", topic=f"many-{n}", partitions=1000)
            told = {"seconds": time.monotonic() - began, "rss_mb": broker.rss_mb()}
            self.keep("many", "10,000 partitions, ulimit -n 4096", "strandline", 0, told)
        finally:
            broker.stop()
            broker.clean()
