"""Producers that go on while brokers come and go: what was acknowledged, and what they were told."""

import threading

from rig.writer import RETRIABLE, Writer

EVERY_SECONDS = 0.005


class Thread:
    """Runs `work` until it is left; `problem` is what ended it before."""

    def __init__(self):
        self.problem = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        try:
            self.work()
        except Exception as error:
            self.problem = repr(error)


class OwnLoad(Thread):
    """One record at a time, idempotent, with the account that rig.writer keeps."""

    def __init__(self, cluster, topic):
        super().__init__()
        self.writer = Writer(cluster, topic)

    def work(self):
        while not self._stop.wait(EVERY_SECONDS):
            self.writer.write([b"record %d" % len(self.writer.acked)])

    def refusals(self):
        """What it was answered that does not say "try again"."""
        return sorted(set(self.writer.errors) - RETRIABLE)


class ClientLoad(Thread):
    """librdkafka with its defaults, as an application has it: `errors` is what surfaced."""

    def __init__(self, cluster, topic, partitions):
        super().__init__()
        self._bootstrap, self._topic, self._partitions = cluster.bootstrap, topic, partitions
        self.acked = {number: [] for number in range(partitions)}  # (offset, value)
        self.errors = []

    def work(self):
        from confluent_kafka import Producer

        # That brokers go away is no news here.
        producer = Producer({"bootstrap.servers": self._bootstrap, "log_level": 0})
        sent = 0
        while not self._stop.wait(EVERY_SECONDS):
            producer.produce(self._topic, b"client %d" % sent, partition=sent % self._partitions,
                             on_delivery=self._delivered)
            producer.poll(0)
            sent += 1
        left = producer.flush(60)
        if left:
            self.errors.append(f"{left} of {sent} records are neither acknowledged nor refused")

    def _delivered(self, error, message):
        if error is not None:
            self.errors.append(str(error))
        else:
            self.acked[message.partition()].append((message.offset(), message.value()))
