#!/usr/bin/python3
"""The checker checked: histories with one planted violation each, and clean ones."""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from harness import checker  # noqa: E402
from harness import history as h  # noqa: E402


def record(offset, producer, counter, partition=0):
    return (offset, h.key_of(producer, counter), h.value_of(producer, partition, counter),
            h.headers_of(producer, counter), h.timestamp_of(producer, counter))


def clean(weak=()):
    """Two producers in turn, 20 records each, all acknowledged, read twice."""
    history = h.History(weak=weak)
    records = []
    for offset in range(40):
        producer, counter = offset % 2, history.invoke(offset % 2, 0)
        history.ack(producer, 0, counter, offset)
        records.append(record(offset, producer, counter))
    history.add_read(h.Read(0, 0, 40, list(records)))
    history.add_read(h.Read(0, 0, 40, list(records)))
    return history


def last_records(history):
    return history.reads[-1].records


def both(history, change):
    for read in history.reads:
        change(read.records)


def lost_record(history):  # the broker forgot the tail, and knows of no hole
    for read in history.reads:
        del read.records[38:]
        read.end = 38


def never_sent(history):
    both(history, lambda records: records.append(record(40, 1, 20)))
    for read in history.reads:
        read.end = 41


def failed_but_there(history):
    history.acked[1, 0].pop(19)
    history.fail(1, 0, 19)


def doubled(history):
    both(history, lambda records: records.append(record(40, 1, 19)))
    for read in history.reads:
        read.end = 41


def out_of_order(history):
    for offset, counter in ((10, 6), (12, 5)):  # records 5 and 6 of producer 0 change places
        both(history, lambda r, o=offset, c=counter: r.__setitem__(o, record(o, 0, c)))
        history.acked[0, 0][counter] = offset


def wrong_offset(history):
    history.acked[0, 0][5], history.acked[0, 0][6] = history.acked[0, 0][6], history.acked[0, 0][5]


def changed_between_reads(history):  # unacknowledged, so that only the change itself is wrong
    history.acked[0, 0].pop(19)
    history.acked[1, 0].pop(19)
    history.reads[0].records[38] = record(38, 1, 19)
    history.reads[0].records[39] = record(39, 0, 19)


def hole(history):
    history.acked[0, 0].pop(5)
    both(history, lambda records: records.pop(10))


def short_of_the_end(history):
    for read in history.reads:
        read.end = 41


def shrunk(history):  # between two reads, and grown again
    history.reads.insert(1, h.Read(0, 39, 39, [], high_watermark=39))


def seen_by_a_reader(history):
    history.add_finding("I9", "was read up to 50, now ends at 40")


def damaged_value(history):
    offset, key, value, headers, timestamp = last_records(history)[39]
    broken = bytes([value[0] ^ 1]) + value[1:]
    history.acked[1, 0].pop(19)
    both(history, lambda records: records.__setitem__(39, (offset, key, broken, headers, timestamp)))


def wrong_time(history):
    offset, key, value, headers, timestamp = last_records(history)[7]
    last_records(history)[7] = (offset, key, value, headers, timestamp + 1)


def wrong_partition(history):
    history.acked[1, 0].pop(19)
    both(history, lambda records: records.__setitem__(39, record(39, 1, 19, partition=3)))


PLANTED = [
    ("I1", lost_record), ("I2", never_sent), ("I2", failed_but_there), ("I3", doubled),
    ("I4", out_of_order), ("I5", wrong_offset), ("I6", changed_between_reads), ("I7", hole),
    ("I7", short_of_the_end), ("I9", shrunk), ("I9", seen_by_a_reader),
    ("I19", damaged_value), ("I19", wrong_time), ("I19", wrong_partition),
]


def retention(history):
    """Records below the log start may be gone."""
    for read in history.reads:
        del read.records[:10]
        read.log_start = 10


def unknown_outcome(history):
    """A record without an answer may be there or not."""
    history.acked[0, 0].pop(19)
    history.invoke(0, 0)


def weak_producer_lost(history):
    """A producer that did not wait for the disk may lose its newest records, and double some."""
    del history.reads[0]
    del history.reads[0].records[39:]
    history.reads[0].records.append(record(39, 1, 18))


CLEAN = [((), lambda history: None), ((), retention), ((), unknown_outcome),
         ((1,), weak_producer_lost)]


def run(tally):
    for invariant, plant in PLANTED:
        history = clean()
        plant(history)
        found = checker.check(history)
        names = {name for name, _ in found}
        tally.check(f"checker: finds {invariant} where {plant.__name__} is planted",
                    names == {invariant}, f"found {found}")
    for weak, change in CLEAN:
        history = clean(weak)
        change(history)
        found = checker.check(history)
        tally.check(f"checker: nothing in a clean history ({change.__name__})", not found,
                    f"found {found}")


if __name__ == "__main__":
    from rig.report import Tally

    own_tally = Tally()
    run(own_tally)
    sys.exit(own_tally.finish())
