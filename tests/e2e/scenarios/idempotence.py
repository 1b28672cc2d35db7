"""Idempotent producers on the raw protocol, where every sequence number is ours to choose."""

import random

from harness.world import metric, running
from rig import api
from rig.batch import batch
from rig.wire import Wire, string

LAST = (1 << 31) - 1
TOPIC = "idempotent"


def _send(wire, producer, sequence, values, epoch=0, partition=0):
    return api.produce(wire, TOPIC, batch(values, producer, epoch, sequence), partition)


def _duplicates(tally, wire, broker):
    _, producer, epoch = api.init_producer_id(wire)
    tally.check("idempotence: a fresh producer id has epoch 0", producer >= 0 and epoch == 0,
                (producer, epoch))
    offsets = [_send(wire, producer, 2 * i, [b"a%d" % i, b"b%d" % i]).offset for i in range(5)]
    tally.check("idempotence: five batches take ten offsets", offsets == [0, 2, 4, 6, 8], offsets)
    again = [_send(wire, producer, 2 * i, [b"a%d" % i, b"b%d" % i]) for i in (4, 0, 2, 2)]
    tally.check("idempotence: a duplicate is answered with its first offset",
                [(p.error, p.offset) for p in again] == [(0, 8), (0, 0), (0, 4), (0, 4)], again)
    end = api.list_offset(wire, TOPIC, -1)[1]
    tally.check("idempotence: and appended no second time", end == 10, end)
    counted = metric(broker, "strandline_produce_duplicates_total")
    tally.check("idempotence: and counted", counted == 4, counted)
    gap = _send(wire, producer, 12, [b"gap"])
    tally.check("idempotence: a gap is OUT_OF_ORDER_SEQUENCE_NUMBER", gap.error == api.OUT_OF_ORDER, gap)
    overlap = _send(wire, producer, 9, [b"x", b"y"])
    tally.check("idempotence: a batch that overlaps is refused too", overlap.error == api.OUT_OF_ORDER,
                overlap)
    _send(wire, producer, 10, [b"f"])
    old = _send(wire, producer, 0, [b"a0", b"b0"])
    tally.check("idempotence: a duplicate older than the five kept is refused, not appended",
                old.error in (api.OUT_OF_ORDER, 46), old)
    end = api.list_offset(wire, TOPIC, -1)[1]
    tally.check("idempotence: refused batches leave the log alone", end == 11, end)
    return producer


def _epochs(tally, wire, producer):
    newer = _send(wire, producer, 0, [b"epoch 3"], epoch=3)
    tally.check("idempotence: a newer epoch begins at sequence 0", (newer.error, newer.offset) == (0, 11),
                newer)
    late = _send(wire, producer, 11, [b"late"], epoch=0)
    tally.check("idempotence: the older epoch is fenced with INVALID_PRODUCER_EPOCH",
                late.error == api.INVALID_PRODUCER_EPOCH, late)
    wrong = _send(wire, producer, 5, [b"x"], epoch=4)
    tally.check("idempotence: a newer epoch that begins elsewhere is refused",
                wrong.error == api.OUT_OF_ORDER, wrong)
    on = _send(wire, producer, 1, [b"on"], epoch=3)
    tally.check("idempotence: the refusal changed no state", (on.error, on.offset) == (0, 12), on)


def _wrap(tally, wire):
    _, producer, _ = api.init_producer_id(wire)
    first = _send(wire, producer, LAST - 1, [b"w0", b"w1", b"w2"], partition=1)
    tally.check("idempotence: a batch wraps from 2^31-1 to 0", (first.error, first.offset) == (0, 0), first)
    again = _send(wire, producer, LAST - 1, [b"w0", b"w1", b"w2"], partition=1)
    tally.check("idempotence: its duplicate is known", (again.error, again.offset) == (0, 0), again)
    after = _send(wire, producer, 1, [b"w3"], partition=1)
    tally.check("idempotence: the next sequence is 1", (after.error, after.offset) == (0, 3), after)
    wrong = _send(wire, producer, LAST, [b"w4"], partition=1)
    tally.check("idempotence: a step back over the wrap is refused", wrong.error == api.OUT_OF_ORDER, wrong)
    _, exact, _ = api.init_producer_id(wire)
    ends = _send(wire, exact, LAST, [b"e0"], partition=1)
    begins = _send(wire, exact, 0, [b"e1"], partition=1)
    tally.check("idempotence: 0 follows a batch that ends at 2^31-1",
                (ends.error, begins.error, begins.offset) == (0, 0, ends.offset + 1), (ends, begins))


def _many(tally, wire, prng):
    """Batches sent, sent again and lost at random; the log holds each once, in order."""
    _, producer, _ = api.init_producer_id(wire)
    sent, sequence, problems = [], 0, []
    for step in range(150):
        if sent and prng.random() < 0.4:
            at, values, offset = prng.choice(sent[-5:])
            again = _send(wire, producer, at, values, partition=2)
            if (again.error, again.offset) != (0, offset):
                problems.append(f"step {step}: {again}, first answered {offset}")
            continue
        values = [b"%d.%d" % (step, i) for i in range(prng.randint(1, 4))]
        produced = _send(wire, producer, sequence, values, partition=2)
        if produced.error:
            problems.append(f"step {step}: {produced}")
        sent.append((sequence, values, produced.offset))
        sequence += len(values)
    got = api.values(api.fetch(wire, TOPIC, 0, partition=2))
    expected = [value for _, values, _ in sent for value in values]
    tally.check("idempotence: 150 steps with resends: each batch once, in order, at its first offset",
                not problems and got == expected, "\n".join(problems[:5]) or f"{len(got)} records read")
    return producer, sent, sequence


def _restart(tally, broker, producer, sent, sequence):
    broker.kill()
    broker.start()
    with Wire(broker.port) as wire:
        at, values, offset = sent[-1]
        again = _send(wire, producer, at, values, partition=2)
        following = _send(wire, producer, sequence, [b"next"], partition=2)
        _, fresh, _ = api.init_producer_id(wire)
    tally.check("idempotence: a duplicate is known after a SIGKILL",
                (again.error, again.offset) == (0, offset), again)
    tally.check("idempotence: and the sequence goes on", following.error == 0, following)
    tally.check("idempotence: producer ids are not given out twice", fresh > producer, (producer, fresh))


def _transactions(tally, wire):
    error = api.init_producer_id(wire, "pay")[0]
    tally.check("idempotence: InitProducerId with a transactional id is refused at once",
                error == api.INVALID_REQUEST, error)
    answer = wire.call(api.FIND_COORDINATOR, 1, string("pay") + b"\x01")
    answer.int32()
    error = answer.int16()
    tally.check("idempotence: the coordinator of a transactional id is refused at once and finally",
                error == api.TRANSACTIONAL_ID_FAILED, error)
    _, producer, _ = api.init_producer_id(wire)
    transactional = batch([b"t"], producer, 0, 0, attributes=0x10)
    refused = api.produce(wire, TOPIC, transactional, transactional_id="pay")
    tally.check("idempotence: a transactional batch is refused", refused.error ==
                api.TRANSACTIONAL_ID_FAILED, refused)
    control = api.produce(wire, TOPIC, batch([b"c"], producer, 0, 0, attributes=0x20))
    tally.check("idempotence: a client's control batch is refused", control.error == api.INVALID_RECORD,
                control)


def run(tally, options):
    with running(options) as broker:
        with Wire(broker.port) as wire:
            api.create_topic(wire, TOPIC, partitions=3)
            producer = _duplicates(tally, wire, broker)
            _epochs(tally, wire, producer)
            _wrap(tally, wire)
            _transactions(tally, wire)
            kept = _many(tally, wire, random.Random(1))
        _restart(tally, broker, *kept)
