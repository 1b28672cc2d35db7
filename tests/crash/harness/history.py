"""What the clients of a crash test sent, heard and read, and the records they send.

A record names its writer: key, value, header and timestamp all follow from (producer, partition,
counter), so every record is unique, and damage or a wrong place shows without looking anywhere else.
"""

import struct
import threading
import zlib

BASE_TIMESTAMP = 1_700_000_000_000
_HEAD = struct.Struct(">4sIIQI")  # magic, producer, partition, counter, length of the pattern
_MAGIC = b"SLCT"


def value_of(producer, partition, counter):
    # Mostly small, sometimes large enough to span pages.
    length = zlib.crc32(struct.pack(">III", producer, partition, counter))
    length = 8000 + length % 4000 if length % 64 == 0 else length % 300
    head = _HEAD.pack(_MAGIC, producer, partition, counter, length)
    pattern = (head * (length // len(head) + 1))[:length]
    body = head + pattern
    return body + struct.pack(">I", zlib.crc32(body))


def key_of(producer, counter):
    return b"p%d-%d" % (producer, counter)


def timestamp_of(producer, counter):
    return BASE_TIMESTAMP + producer + counter * 7


def headers_of(producer, counter):
    return [("writer", b"%d" % producer), ("n", b"%d" % counter)]


def identify(value):
    """(producer, partition, counter) of a value, or None when no client of ours made it."""
    if value is None or len(value) < _HEAD.size + 4:
        return None
    magic, producer, partition, counter, _ = _HEAD.unpack_from(value)
    if magic != _MAGIC or zlib.crc32(value[:-4]) != struct.unpack(">I", value[-4:])[0]:
        return None
    return producer, partition, counter


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
