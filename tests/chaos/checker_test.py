#!/usr/bin/python3
"""The checker checked: histories with one planted violation each, and clean ones."""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

from harness import checker  # noqa: E402
from harness.history import Ack, Change, End, Fetch, History  # noqa: E402
from harness.strandline import ConsumerAccount, ProducerAccount  # noqa: E402

FINALS = ("final-1", "final-2")
SENT = 40
EPOCH_ENDS = 20  # offsets from here on are of the second leader epoch
LEADERS = {0: 1, 1: 2}


def epoch_of(offset):
    return int(offset >= EPOCH_ENDS)


def records(first, end):
    """Two producers in turn."""
    return [(offset, (offset % 2, offset // 2), epoch_of(offset)) for offset in range(first, end)]


def fetch(reader, first, end, began, epoch=None, high_watermark=None, role="leader"):
    epoch = epoch_of(max(first, end - 1)) if epoch is None else epoch
    return Fetch(reader, 0, began, began + 0.1, LEADERS[epoch] if role == "leader" else 3, role, epoch,
                 first, end if high_watermark is None else high_watermark, records(first, end))


def clean():
    """Each record is sent at its offset's second and acknowledged half a second later; one reader
    reads along, another reads again, at a follower too; two read all at the end."""
    history = History()
    for offset in range(SENT):
        counter = history.send(offset % 2, 0, float(offset))
        history.acks.append(Ack(offset % 2, 0, counter, offset, float(offset), offset + 0.5,
                                LEADERS[epoch_of(offset)]))
    for first in range(0, SENT, 10):
        history.fetches.append(fetch("reader", first, first + 10, first + 9.6))
        history.ends.append(End("reader", 0, first + 9.8, first + 9.9, LEADERS[epoch_of(first + 9)],
                                epoch_of(first + 9), first + 10))
    history.fetches.append(fetch("again", 15, 25, 60.0, high_watermark=SENT))
    history.fetches.append(fetch("again", 5, 15, 61.0, role="follower", epoch=1, high_watermark=30))
    history.changes = [Change("create", "stays", 1.0, 1.1, 0), Change("create", "goes", 2.0, 2.1, 0),
                       Change("delete", "goes", 3.0, 3.1, 0)]
    history.topics = {node: {"chaos", "stays"} for node in (1, 2, 3)}
    for place, reader in enumerate(FINALS):
        history.fetches.append(fetch(reader, 0, SENT, 100.0 + place))
    return history


def change(history, reader, **fields):
    """In all fetches of that reader; a field may be a function of the old value."""
    for place, each in enumerate(history.fetches):
        if each.reader == reader or reader is None:
            new = {key: value(getattr(each, key)) if callable(value) else value
                   for key, value in fields.items()}
            history.fetches[place] = each._replace(**new)


def replaced(offset, name):
    return lambda old: [(o, name if o == offset else n, e) for o, n, e in old]


def forget(history, counter, producer):
    """That it was acknowledged; that it was not answered is not the violation looked for."""
    history.acks = [a for a in history.acks if (a.counter, a.producer) != (counter, producer)]
    history.unanswered = lambda: []


def lost_record(history):
    """The tail is gone at the end, and no hole shows."""
    history.fetches = [f for f in history.fetches if f.reader not in ("reader", "again")]
    history.ends = []
    change(history, None, records=lambda old: old[:-2], high_watermark=38)
    change(history, None, role="follower")


def never_sent(history):
    change(history, None, records=lambda old: old + [(SENT, (0, 20), 1)] if old[-1][0] == 39 else old)


def read_before_sent(history):
    place = history.fetches.index(fetch("reader", 10, 20, 19.6))
    history.fetches[place] = history.fetches[place]._replace(began=17.0, ended=18.8)


def failed_but_there(history):
    forget(history, 19, 0)
    history.fail(0, 0, 19)


def doubled(history):
    change(history, None, records=lambda old: old + [(SENT, (1, 19), 1)] if old[-1][0] == 39 else old)


def out_of_order(history):
    """Records 5 and 6 of producer 0 change places, and so do their acknowledgements."""
    for offset, counter in ((10, 6), (12, 5)):
        change(history, None, records=replaced(offset, (0, counter)))
    history.acks = [a._replace(offset={5: 12, 6: 10}[a.counter])
                    if a.producer == 0 and a.counter in (5, 6) else a for a in history.acks]
    for counter in (5, 6):  # both were sent before either was read, and acknowledged late enough
        history.sent[0, 0][counter] = 10.0


def wrong_offset(history):
    history.acks = [a._replace(offset={5: 12, 6: 10}[a.counter])
                    if a.producer == 0 and a.counter in (5, 6) else a for a in history.acks]
    history.acks = [a._replace(ended=12.5) if a.producer == 0 and a.counter in (5, 6) else a
                    for a in history.acks]


def other_at_a_follower(history):
    place = history.fetches.index(fetch("again", 5, 15, 61.0, role="follower", epoch=1,
                                        high_watermark=30))
    history.fetches[place] = history.fetches[place]._replace(records=[
        (o, (1, 2) if o == 6 else n, e) for o, n, e in history.fetches[place].records])


def other_epoch(history):
    change(history, "again", records=lambda old: [(o, n, 0) for o, n, e in old])


def hole(history):
    forget(history, 10, 0)
    for reader in FINALS:
        change(history, reader, records=lambda old: [r for r in old if r[0] != 20])


def skipped(history):
    place = history.fetches.index(fetch("reader", 10, 20, 19.6))
    del history.fetches[place]


def delivered_twice(history):
    place = history.fetches.index(fetch("reader", 10, 20, 19.6))
    history.fetches.insert(place + 1, history.fetches[place]._replace(began=19.75, ended=19.79))


def fallen(history):
    history.fetches.insert(4, Fetch("reader", 0, 49.0, 49.1, 2, "leader", 1, 40, 40, []))
    history.fetches.insert(4, Fetch("reader", 0, 48.0, 48.1, 2, "leader", 1, 40, 41, []))


def hidden(history):
    """By the next leader; to somebody who had not seen more."""
    history.ends.append(End("late", 0, 25.0, 25.1, 2, 1, 15))


def hidden_by_itself(history):
    history.ends.append(End("late", 0, 12.0, 12.1, 1, 0, 9))


def two_leaders(history):
    history.fetches.append(Fetch("other", 0, 70.0, 70.1, 3, "leader", 1, 40, 40, []))


def epoch_falls(history):
    change(history, None, records=lambda old: [(o, n, 2 if o == 25 else e) for o, n, e in old])


def damaged(history):
    forget(history, 2, 1)
    change(history, None, records=replaced(5, None))


def topic_missing(history):
    history.topics[2].remove("stays")


def topic_back(history):
    history.topics[3].add("goes")


def never_answered(history):
    history.acks.pop()
    history.send(1, 0, 41.0)


def fetch_line(first, end, began, leader_epoch=None):
    epoch = epoch_of(end - 1) if leader_epoch is None else leader_epoch
    told = " ".join(f"{offset}:{name[0]}:{name[1]}:{of}" for offset, name, of in records(first, end))
    return f"fetch 0 {began:.6f} {began + 0.1:.6f} {LEADERS[epoch]} leader {epoch} {first} {end} {told}"


def told_to_have_failed(history):
    forget(history, 19, 1)
    ProducerAccount(1, history).take("fail 0 19 may-be-written the request timed out on the broker")


def told_of_another_record(history):
    line = fetch_line(20, 30, 62.0).replace(" 21:1:10:", " 21:1:11:").replace(" 30 20:", " 40 20:")
    ConsumerAccount("told", 1, history).take(line)


def told_of_damage(history):
    line = fetch_line(0, 10, 62.0, 1).replace(" 10 0:", " 40 0:").replace(" 5:1:2:", " 5:-:-:")
    ConsumerAccount("told", 1, history).take(line)


def told_of_a_lost_position(history):
    ConsumerAccount("told", 1, history).take("finding I9 partition 0: the position 41 is lost")


def told_of_less(history):
    """A high watermark below what was acknowledged before."""
    ConsumerAccount("told", 1, history).take("fetch 0 25.000000 25.100000 2 leader 1 0 15")


def replicas_differ(history):
    history.finding("I18", "as who compared them said")


def no_recovery(history):
    history.finding("I22", "as who waited for it said")


PLANTED = [
    ("I1", lost_record), ("I2", never_sent), ("I2", read_before_sent), ("I2", failed_but_there),
    ("I3", doubled), ("I4", out_of_order), ("I5", wrong_offset), ("I6", other_at_a_follower),
    ("I6", other_epoch), ("I7", hole), ("I8", skipped), ("I8", delivered_twice), ("I9", fallen),
    ("I10", hidden), ("I10", hidden_by_itself), ("I12", two_leaders), ("I12", epoch_falls),
    ("I18", replicas_differ), ("I19", damaged), ("I20", topic_missing), ("I20", topic_back),
    ("I21", never_answered), ("I21", told_to_have_failed), ("I6", told_of_another_record),
    ("I6", told_of_damage), ("I9", told_of_a_lost_position), ("I10", told_of_less),
    ("I22", no_recovery),
]


def nothing(_):
    pass


def unknown_outcome(history):
    """Without an answer, yet there: the producer asked again until the end."""
    forget(history, 19, 1)


def acknowledged_late(history):
    """By a later leader than the one that appended it, which the old one cannot know."""
    history.acks[19] = history.acks[19]._replace(broker=2, ended=24.0)
    history.ends.append(End("late", 0, 26.0, 26.1, 1, 0, 19))


def old_leader_shows_less(history):
    """It was cut off and does not know; this reader never saw more."""
    history.ends.append(End("late", 0, 45.0, 45.1, 1, 0, 20))


def without_epochs(history):
    """librdkafka's consumer does not tell them."""
    whole = Fetch("librdkafka", 0, 80.0, 80.1, None, None, None, 0, None,
                  [(offset, name, None) for offset, name, _ in records(0, SENT)])
    history.fetches.insert(0, whole._replace(ended=79.0))


def changes_unanswered(history):
    """Both may have happened, or neither."""
    history.changes += [Change("create", "perhaps", 4.0, 7.0, None),
                        Change("create", "doomed", 8.0, 8.1, 0),
                        Change("delete", "doomed", 9.0, 12.0, None)]
    history.topics[1] |= {"perhaps", "doomed"}


def acknowledged_without_offset(history):
    history.acks[7] = history.acks[7]._replace(offset=None)


def told_in_lines(history):
    """All of it as the programs of client/ tell it."""
    acks, history.acks = history.acks, []
    history.sent.clear()
    producers = {number: ProducerAccount(number, history) for number in (0, 1)}
    for place, ack in enumerate(acks):
        take = producers[ack.producer].take
        take(f"sent 0 {ack.counter} {ack.began:.6f}")
        offset = "-" if place == 7 else ack.offset
        take(f"ack 0 {ack.counter} {offset} {ack.broker} {ack.began:.6f} {ack.ended:.6f}")
    consumer = ConsumerAccount("told", 1, history)
    for first in range(0, SENT, 10):
        consumer.take(fetch_line(first, first + 10, first + 9.6))
    consumer.take(f"fetch 0 55.000000 55.100000 2 leader 1 {SENT} {SENT}")
    if consumer.places != {0: SENT}:
        history.finding("I8", f"the consumer is at {consumer.places}")


CLEAN = [nothing, told_in_lines, unknown_outcome, acknowledged_without_offset, acknowledged_late,
         old_leader_shows_less, without_epochs, changes_unanswered]


def run(tally):
    for invariant, plant in PLANTED:
        history = clean()
        plant(history)
        found = checker.check(history, FINALS)
        tally.check(f"checker: finds {invariant} where {plant.__name__.replace('_', ' ')} is planted",
                    {name for name, _ in found} == {invariant}, f"found {found}")
    for plant in CLEAN:
        history = clean()
        plant(history)
        found = checker.check(history, FINALS)
        tally.check(f"checker: nothing in a clean history ({plant.__name__.replace('_', ' ')})",
                    not found, f"found {found}")


if __name__ == "__main__":
    from rig.report import Tally

    own_tally = Tally()
    run(own_tally)
    sys.exit(own_tally.finish())
