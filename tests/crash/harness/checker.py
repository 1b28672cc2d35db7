"""Holds a history against what the broker promises. Each violation is (invariant, sentence).

  I1  no acknowledged record is lost          I5   the acknowledged offset is the true one
  I2  no phantom                              I6   one offset, one record, for ever
  I3  no duplicates with idempotence          I7   no holes
  I4  order of each producer is kept          I9   the end never moves back
                                              I19  content is whole

A pass over acks and reads with dictionaries: some 2 microseconds a record.
"""

from harness import history as h

LIMIT = 20  # of each invariant: a broken run breaks it thousands of times


class _Findings:
    def __init__(self):
        self.found = []
        self._counts = {}

    def add(self, invariant, sentence):
        count = self._counts.get(invariant, 0)
        self._counts[invariant] = count + 1
        if count < LIMIT:
            self.found.append((invariant, sentence))


def check(history):
    findings = _Findings()
    for invariant, sentence in history.findings:
        findings.add(invariant, sentence)
    _check_ends(history, findings)
    at_offset = {}  # (partition, offset) -> writer and counter, from the first read of it
    for read in history.reads:
        _check_read(history, read, at_offset, findings)
    for partition in {read.partition for read in history.reads}:
        _check_partition(history, partition, at_offset, findings)
    return findings.found


def _check_ends(history, findings):
    ends = {}
    for read in history.reads:
        end = ends.get(read.partition, 0)
        if read.high_watermark < end:
            findings.add("I9", f"partition {read.partition}: the high watermark was {end}, then "
                         f"{read.high_watermark}")
        ends[read.partition] = max(end, read.high_watermark)


def _check_read(history, read, at_offset, findings):
    where = f"partition {read.partition}"
    expected = None
    for offset, key, value, headers, timestamp in read.records:
        if expected is not None and offset != expected:
            findings.add("I7", f"{where}: after offset {expected - 1} comes {offset}")
        expected = offset + 1
        writer = h.identify(value)
        if writer is None:
            findings.add("I19", f"{where}: the value at offset {offset} is damaged")
            continue
        producer, partition, counter = writer
        if partition != read.partition:
            findings.add("I19", f"{where}: offset {offset} holds a record of partition {partition}")
            continue
        known = at_offset.setdefault((read.partition, offset), (producer, counter))
        if known != (producer, counter):
            findings.add(
                "I6", f"{where}: offset {offset} was {known}, now it is {(producer, counter)}"
            )
        if counter >= history.invoked.get((producer, partition), 0):
            findings.add("I2", f"{where}: record {counter} of producer {producer} was never sent")
            continue
        if counter in history.failed.get((producer, partition), ()):
            findings.add(
                "I2", f"{where}: record {counter} of producer {producer} had failed, and is there"
            )
        whole = (
            key == h.key_of(producer, counter)
            and value == h.value_of(producer, partition, counter)
            and headers == h.headers_of(producer, counter)
            and timestamp == h.timestamp_of(producer, counter)
        )
        if not whole:
            findings.add("I19", f"{where}: key, headers or time differ at offset {offset}")
    if read.records and read.records[0][0] > read.log_start:
        findings.add(
            "I7", f"{where}: the log starts at {read.log_start}, its records at "
            f"{read.records[0][0]}"
        )
    if expected is not None and expected < read.end:
        findings.add("I7", f"{where}: read up to {expected}, the end is {read.end}")
    if not read.records and read.log_start < read.end:
        findings.add("I7", f"{where}: nothing between {read.log_start} and {read.end}")


def _check_partition(history, partition, at_offset, findings):
    last = [read for read in history.reads if read.partition == partition][-1]
    seen = {}  # (producer, counter) -> offset
    newest = {}  # producer -> its greatest counter so far
    final = []
    for offset, _, value, _, _ in last.records:
        writer = h.identify(value)
        if writer is not None and writer[1] == partition:
            final.append((offset, writer[0], writer[2]))
    for offset, producer, counter in final:
        if producer in history.weak:
            continue
        first = seen.setdefault((producer, counter), offset)
        if first != offset:
            findings.add(
                "I3", f"partition {partition}: record {counter} of producer {producer} is at "
                f"offsets {first} and {offset}"
            )
            continue
        if counter <= newest.get(producer, -1):
            findings.add(
                "I4", f"partition {partition}: record {counter} of producer {producer} at offset "
                f"{offset} comes after {newest[producer]}"
            )
        newest[producer] = max(counter, newest.get(producer, -1))
    _check_acks(history, partition, last, seen, at_offset, findings)


def _check_acks(history, partition, last, seen, at_offset, findings):
    for (producer, acked_partition), acks in history.acked.items():
        if acked_partition != partition or producer in history.weak:
            continue
        for counter, offset in acks.items():
            if offset < last.log_start:
                continue
            if (producer, counter) not in seen:
                findings.add(
                    "I1", f"partition {partition}: record {counter} of producer {producer}, "
                    f"acknowledged at offset {offset}, is lost"
                )
            elif at_offset.get((partition, offset)) not in (None, (producer, counter)):
                findings.add(
                    "I5", f"partition {partition}: offset {offset} was acknowledged to record "
                    f"{counter} of producer {producer}, it holds "
                    f"{at_offset[partition, offset]}"
                )
            elif seen[producer, counter] != offset:
                findings.add(
                    "I5", f"partition {partition}: record {counter} of producer {producer} was "
                    f"acknowledged at {offset} and is at {seen[producer, counter]}"
                )
