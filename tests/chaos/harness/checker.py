"""Holds a history against what a cluster promises. Each violation is (invariant, sentence).

  I1   no acknowledged record is lost           I9   the end never moves back for a reader
  I2   no phantom                               I10  an acknowledged record is visible
  I3   no duplicates with idempotence           I12  one leader an epoch
  I4   order of each producer is kept           I18  replicas are equal
  I5   the acknowledged offset is the true one  I19  content is whole
  I6   one offset, one record, for ever         I20  topics come and go for good
  I7   no holes                                 I21  every record gets an answer
  I8   a reader moves forward and skips nothing I22  the cluster recovers

I18 and I22 are seen by who looks at the replicas and at the clock, and come in as findings.
"""

import bisect

from rig.api import TOPIC_ALREADY_EXISTS

LIMIT = 10  # of each invariant: a broken run breaks it thousands of times


class _Findings:
    def __init__(self):
        self.found = []
        self._counts = {}

    def add(self, invariant, sentence):
        count = self._counts.get(invariant, 0)
        self._counts[invariant] = count + 1
        if count < LIMIT:
            self.found.append((invariant, sentence))


def check(history, finals=()):
    """`finals` are the readers that read all partitions whole after everything was healed."""
    findings = _Findings()
    for invariant, sentence in history.findings:
        findings.add(invariant, sentence)
    log = _check_reads(history, findings)
    _check_readers(history, finals, findings)
    terms = _check_terms(history, findings)
    _check_logs(history, log, finals, findings)
    _check_ends(history, log, terms, findings)
    _check_topics(history, findings)
    for producer, partition, count in history.unanswered():
        findings.add("I21", f"partition {partition}: {count} records of producer {producer} never "
                     "got an answer")
    return findings.found


def _check_reads(history, findings):
    """{partition: {offset: (name, leader epoch)}}, from the first read of each offset."""
    log = {}
    for fetch in sorted(history.fetches, key=lambda each: each.ended):
        slots = log.setdefault(fetch.partition, {})
        where = f"partition {fetch.partition}"
        for offset, name, epoch in fetch.records:
            known = slots.get(offset)
            if known is not None:
                if known[0] != name:
                    findings.add("I6", f"{where}: offset {offset} was {known[0]}, {fetch.reader} read "
                                 f"{name} at broker {fetch.broker}, {fetch.ended:.3f}")
                elif None not in (known[1], epoch) and known[1] != epoch:
                    findings.add("I6", f"{where}: offset {offset} was of leader epoch {known[1]}, "
                                 f"{fetch.reader} read it with {epoch} at broker {fetch.broker}")
                elif known[1] is None and epoch is not None:
                    slots[offset] = (name, epoch)
                continue
            slots[offset] = (name, epoch)
            if name is None:
                findings.add("I19", f"{where}: the value at offset {offset} is damaged")
            else:
                _check_name(history, where, name, fetch, findings)
    return log


def _check_name(history, where, name, fetch, findings):
    producer, counter = name
    times = history.sent.get((producer, fetch.partition), ())
    if counter >= len(times) or times[counter] > fetch.ended:
        findings.add("I2", f"{where}: record {counter} of producer {producer} was read and not sent")
    elif counter in history.failed.get((producer, fetch.partition), ()):
        findings.add("I2", f"{where}: record {counter} of producer {producer} had failed, and is there")


def _check_readers(history, finals, findings):
    """Each reader of a partition goes on where it was; final ones begin at the start."""
    places = {}
    for fetch in history.fetches:  # those of one reader are in the order of time
        key = (fetch.reader, fetch.partition)
        place = places.get(key, fetch.offset)
        where = f"partition {fetch.partition}: {fetch.reader}"
        if fetch.offset != place and not fetch.reader.startswith("again"):
            findings.add("I8", f"{where} was at {place} and went on at {fetch.offset}")
        place = fetch.offset
        for offset, _, _ in fetch.records:
            if offset != place:
                kind = "I7" if fetch.reader in finals else "I8"
                findings.add(kind, f"{where} got {offset} where {place} comes next")
            place = offset + 1
        places[key] = place


def _check_terms(history, findings):
    """{(partition, epoch): leader}, from who answered as one."""
    leaders = {}
    for fetch in history.fetches:
        if fetch.role == "leader" and fetch.leader_epoch is not None:
            key = (fetch.partition, fetch.leader_epoch)
            known = leaders.setdefault(key, fetch.broker)
            if known != fetch.broker:
                findings.add("I12", f"partition {fetch.partition}: in leader epoch {fetch.leader_epoch} "
                             f"broker {known} answered as leader, and broker {fetch.broker}")
    for _, partition, leader, epoch, _ in history.leaders:
        leaders.setdefault((partition, epoch), leader)
    return leaders


def _check_logs(history, log, finals, findings):
    whole = {}  # partition -> [(offset, name)] of the last final read
    for fetch in history.fetches:
        if fetch.reader in finals:
            whole.setdefault(fetch.partition, {}).setdefault(fetch.reader, []).extend(fetch.records)
    acks = {}
    for ack in history.acks:
        acks.setdefault(ack.partition, []).append(ack)
    for partition in sorted({*whole, *acks}):
        for reader, records in sorted(whole.get(partition, {}).items()):
            _check_order(partition, records, findings)
        seen = {name for records in whole.get(partition, {}).values() for _, name, _ in records}
        _check_acks(partition, acks.get(partition, ()), log.get(partition, {}), seen, findings)


def _check_order(partition, records, findings):
    at, newest, epochs = {}, {}, -1
    for offset, name, epoch in records:
        if epoch is not None and epoch < epochs:
            findings.add("I12", f"partition {partition}: the leader epoch falls to {epoch} at offset "
                         f"{offset}")
        epochs = epoch if epoch is not None else epochs
        if name is None:
            continue
        producer, counter = name
        first = at.setdefault(name, offset)
        if first != offset:
            findings.add("I3", f"partition {partition}: record {counter} of producer {producer} is at "
                         f"offsets {first} and {offset}")
            continue
        if counter < newest.get(producer, -1):
            findings.add("I4", f"partition {partition}: record {counter} of producer {producer} at "
                         f"offset {offset} comes after {newest[producer]}")
        newest[producer] = max(counter, newest.get(producer, -1))


def _check_acks(partition, acks, slots, seen, findings):
    for ack in acks:
        name = (ack.producer, ack.counter)
        held = slots.get(ack.offset)
        what = f"partition {partition}: record {ack.counter} of producer {ack.producer}"
        when = f"acknowledged at offset {ack.offset} by broker {ack.broker} at {ack.ended:.3f}"
        if name not in seen:
            findings.add("I1", f"{what}, {when}, is lost")
        elif ack.offset is not None and (held is None or held[0] != name):
            findings.add("I5", f"{what} was {when}; there is {held and held[0]}")


def _check_ends(history, log, terms, findings):
    """High watermarks by reader, which must not fall, and against what was acknowledged before."""
    shown = [(f.reader, f.partition, f.began, f.ended, f.broker, f.leader_epoch, f.high_watermark)
             for f in history.fetches if f.role == "leader" and f.high_watermark is not None]
    shown += [(e.reader, e.partition, e.began, e.ended, e.broker, e.leader_epoch, e.high_watermark)
              for e in history.ends]
    shown.sort(key=lambda each: each[3])
    tops = {}
    for reader, partition, _, ended, _, _, high_watermark in shown:
        top = tops.get((reader, partition), -1)
        if high_watermark < top:
            findings.add("I9", f"partition {partition}: {reader} saw the high watermark fall from {top} "
                         f"to {high_watermark} at {ended:.3f}")
        tops[reader, partition] = max(top, high_watermark)
    _check_visible(history, log, terms, shown, findings)


def _check_visible(history, log, terms, shown, findings):
    """What a broker acknowledged it shows itself, and so does the leader of any later epoch. Which
    epoch an acknowledgement was of nobody says; it was none later than the last its broker led."""
    acked = {}  # (partition, broker) -> ([times], [greatest offset acknowledged by then])
    for ack in sorted(history.acks, key=lambda each: each.ended):
        if None not in (ack.broker, ack.offset):
            times, offsets = acked.setdefault((ack.partition, ack.broker), ([], []))
            times.append(ack.ended)
            offsets.append(max(ack.offset, offsets[-1] if offsets else -1))
    last_led = {}  # (partition, broker) -> epoch; of an epoch nobody was seen to lead, any may have been
    nameless = {}
    for (partition, epoch), broker in terms.items():
        last_led[partition, broker] = max(epoch, last_led.get((partition, broker), -1))
    for partition, slots in log.items():
        unseen = {epoch for _, epoch in slots.values() if epoch is not None} - {
            epoch for known, epoch in terms if known == partition}
        nameless[partition] = max(unseen, default=-1)
    for reader, partition, began, _, shower, epoch, high_watermark in shown:
        for (acked_partition, broker), (times, offsets) in acked.items():
            if acked_partition != partition:
                continue
            latest = max(last_led.get((partition, broker), -1), nameless.get(partition, -1))
            if broker != shower and latest > epoch:
                continue
            index = bisect.bisect_left(times, began) - 1
            if index >= 0 and offsets[index] >= high_watermark:
                findings.add("I10", f"partition {partition}: offset {offsets[index]} was acknowledged by "
                             f"broker {broker}, then {reader} saw a high watermark of {high_watermark} "
                             f"at broker {shower} in leader epoch {epoch}, {began:.3f}")


def _check_topics(history, findings):
    """A deletion without an answer may have happened or not; a creation likewise."""
    made = {each.topic for each in history.changes
            if each.what == "create" and each.error in (0, TOPIC_ALREADY_EXISTS)}
    doomed = {each.topic for each in history.changes if each.what == "delete"}
    gone = {each.topic for each in history.changes if each.what == "delete" and each.error == 0}
    for node, names in sorted(history.topics.items()):
        for topic in sorted(made - doomed - names):
            findings.add("I20", f"topic {topic} was created, broker {node} does not know it")
        for topic in sorted(gone & names):
            findings.add("I20", f"topic {topic} was deleted, broker {node} still knows it")
