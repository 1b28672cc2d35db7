"""What the clients of a crash test sent, heard and read, and the records they send."""

import threading

from rig.signed import BASE_TIMESTAMP, headers_of, identify, key_of, timestamp_of, value_of

__all__ = ["BASE_TIMESTAMP", "History", "Read", "headers_of", "identify", "key_of", "timestamp_of",
           "value_of"]


class Read:
    """One pass over a partition, or one answer: records from `log_start` to `end` as (offset, key,
    value, headers, timestamp). The high watermark at that time is `end` where none is given."""

    def __init__(self, partition, log_start, end, records, high_watermark=None):
        self.partition = partition
        self.log_start = log_start
        self.end = end
        self.records = records
        self.batches_crc = 0  # over all batches as they came
        self.high_watermark = end if high_watermark is None else high_watermark


class History:
    """Grows while the clients run; threads add to it. `weak` producers do not wait for the disk
    (acks=1, not idempotent): of theirs nothing is promised but that what is read was sent."""

    def __init__(self, weak=()):
        self._lock = threading.Lock()
        self.weak = frozenset(weak)
        self.invoked = {}  # (producer, partition) -> how many were sent: counters 0 to n-1
        self.acked = {}  # (producer, partition) -> {counter: offset}
        self.failed = {}  # (producer, partition) -> counters that certainly were not appended
        self.reads = []  # in the order of time; one reader at a time
        self.findings = []  # violations that a reader saw as they happened: (invariant, sentence)

    def invoke(self, producer, partition):
        with self._lock:
            counter = self.invoked.get((producer, partition), 0)
            self.invoked[producer, partition] = counter + 1
            return counter

    def ack(self, producer, partition, counter, offset):
        with self._lock:
            self.acked.setdefault((producer, partition), {})[counter] = offset

    def fail(self, producer, partition, counter):
        with self._lock:
            self.failed.setdefault((producer, partition), set()).add(counter)

    def add_read(self, read):
        with self._lock:
            self.reads.append(read)

    def add_finding(self, invariant, sentence):
        with self._lock:
            self.findings.append((invariant, sentence))

    def ack_count(self):
        with self._lock:
            return sum(len(acks) for writer, acks in self.acked.items() if writer[0] not in self.weak)
