"""Programs that write all the time and tell of each acknowledgement, so that a gap can be seen.

A line is "ack BEGUN ANSWERED BROKER" or "error BEGUN ANSWERED NAME": nanoseconds of the monotonic clock,
which all processes share; the broker is -1 where the program does not know it.
"""

import signal
import subprocess
import threading
import time
from collections import namedtuple

Ack = namedtuple("Ack", "begun answered broker")

# Acknowledgements before a fault: a JVM has loaded its classes by then.
FLOWING_ACKS = 100
FLOWING_SECONDS_MAX = 60
NS = 1_000_000


class Observer:
    def __init__(self, name, command):
        self.name = name
        self._acks, self.errors = [], []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            words = line.split()
            if len(words) != 4:
                continue
            with self._changed:
                if words[0] == "ack":
                    self._acks.append(Ack(int(words[1]), int(words[2]), int(words[3])))
                else:
                    self.errors.append(words[3])
                self._changed.notify_all()

    def acks(self):
        with self._changed:
            return list(self._acks)

    def await_flow(self):
        """Until it is acknowledged all the time."""
        with self._changed:
            flows = self._changed.wait_for(
                lambda: len(self._acks) >= FLOWING_ACKS, FLOWING_SECONDS_MAX
            )
        if not flows:
            raise RuntimeError(f"{self.name}: {len(self._acks)} acknowledgements, {self.errors[:5]}")

    def first_ack(self, seconds, wanted):
        """The first for which wanted(ack) holds, among all that came and come."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for ack in self._acks[seen:]:
                    if wanted(ack):
                        return ack
                seen = len(self._acks)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{self.name}: no acknowledgement in {seconds} s")
                self._changed.wait(left)

    def longest_gap_ms(self, since_ns, until_ns):
        """The longest time between acknowledgements, the ends counted."""
        times = sorted(a.answered for a in self.acks() if since_ns <= a.answered <= until_ns)
        times = [since_ns, *times, until_ns]
        return max(after - before for before, after in zip(times, times[1:])) / NS

    def slowest_ms(self, since_ns, until_ns):
        """The longest that one of its records waited."""
        waits = [a.answered - a.begun for a in self.acks() if since_ns <= a.begun <= until_ns]
        return max(waits) / NS if waits else float("inf")

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(30)
        self._process.stdout.close()


def probe(meter, cluster, topic, partition=0):
    """Somebody new every 10 ms."""
    return Observer(
        "probe", meter.load_command(cluster, "probe", topic=topic, partition=partition)
    )


def librdkafka(meter, cluster, topic, partitions=1):
    return Observer(
        "librdkafka", [meter.path("librdkafka"), cluster.bootstrap, topic, str(partitions)]
    )


def java(meter, cluster, topic, partitions=1):
    command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += ["-cp", meter.path("java"), "SteadyProducer"]
    return Observer("java", [*command, cluster.bootstrap, topic, str(partitions)])


KINDS = {"probe": probe, "librdkafka": librdkafka, "java": java}
