"""Checks with confluent-kafka for Python: Debian's 1.7.0 on librdkafka 2.0.2, and the newest."""

import time

import confluent_kafka as ck

import clients.confluent_admin_checks  # noqa: F401  (registers its checks)
from clients.confluent_client import HOUR, WAIT, make, read_on, reader, values, write
from harness.checks import BOOTSTRAP, check, holds, run_all, same
from harness.wire import Wire


def _delivery_check(title, **settings):
    @check(f"delivery reports, {title}: consecutive offsets, and the same records come back")
    def _body():
        name = make("delivery-" + title.replace(" ", "-").replace("=", ""), 2)
        base = int(time.time() * 1000) - HOUR
        sent = [(b"k%d" % n, b"v%d" % n, base + n, n % 2) for n in range(2000)]
        delivered = write(name, sent, **settings)
        for partition in (0, 1):
            offsets = [m.offset() for m in delivered if m.partition() == partition]
            same(offsets, list(range(1000)), f"offsets of partition {partition}")
        consumer = reader()
        consumer.assign([ck.TopicPartition(name, p, 0) for p in (0, 1)])
        got = read_on(consumer, 2000)
        consumer.close()
        seen = sorted((m.timestamp()[1], m.key(), m.value(), m.partition()) for m in got)
        same(seen, [(t, k, v, p) for k, v, t, p in sent], "records")


_delivery_check("acks=1", **{"acks": "1"})
_delivery_check("acks=all", **{"acks": "all"})
_delivery_check("idempotent", **{"enable.idempotence": True, "batch.num.messages": 20})
_delivery_check("idempotent lz4", **{"enable.idempotence": True, "compression.type": "lz4"})
_delivery_check("zstd", **{"compression.type": "zstd"})


@check("headers come back as sent: order, repeated names, empty and null values")
def _headers():
    name = make("headers")
    headers = [("a", b"1"), ("b", None), ("a", b"2"), ("c", b""), ("ü", "é".encode())]
    producer = ck.Producer({"bootstrap.servers": BOOTSTRAP})
    producer.produce(name, b"v", headers=headers)
    same(producer.flush(WAIT), 0, "undelivered")
    consumer = reader()
    consumer.assign([ck.TopicPartition(name, 0, 0)])
    same(read_on(consumer, 1)[0].headers(), headers, "headers")
    consumer.close()


@check("assign, seek, pause and resume read exactly where they were told")
def _seek():
    name = make("seek", 2)
    write(name, [(None, b"%d" % n, 0, p) for p in (0, 1) for n in range(100)])
    consumer = reader()
    one, other = ck.TopicPartition(name, 0, 40), ck.TopicPartition(name, 1, 95)
    consumer.assign([one])
    same(values(read_on(consumer, 3)), [b"40", b"41", b"42"], "from 40")
    consumer.seek(ck.TopicPartition(name, 0, 7))
    same(values(read_on(consumer, 2)), [b"7", b"8"], "after seek to 7")
    consumer.assign([ck.TopicPartition(name, 0, 98), other])
    consumer.pause([other])
    same(values(read_on(consumer, 2)), [b"98", b"99"], "while the other is paused")
    consumer.resume([other])
    same(values(read_on(consumer, 5)), [b"%d" % n for n in range(95, 100)], "resumed")
    consumer.assign(
        [ck.TopicPartition(name, 0, ck.OFFSET_BEGINNING), ck.TopicPartition(name, 1, ck.OFFSET_END)]
    )
    same(values(read_on(consumer, 100)), [b"%d" % n for n in range(100)], "beginning")
    write(name, [(None, b"tail", 0, 1)])
    same(values(read_on(consumer, 1)), [b"tail"], "end")
    consumer.close()


@check("offsets_for_times lands on the exact record, also where times go backwards")
def _times():
    name, base = make("times", 2), int(time.time() * 1000) - HOUR
    steps = [0, 10, 10, 30, 20, 50, 40, 60]
    write(name, [(None, b"%d" % n, base + step, 0) for n, step in enumerate(steps)])
    consumer = reader()

    def at(step, partition=0):
        asked = ck.TopicPartition(name, partition, base + step)
        [found] = consumer.offsets_for_times([asked], WAIT)
        same(found.error, None, "error")
        return found.offset

    for step in range(0, 61):
        same(at(step), next(n for n, s in enumerate(steps) if s >= step), f"offset at +{step} ms")
    same(at(61), ck.OFFSET_END, "after the last")
    same(at(0, 1), ck.OFFSET_END, "in an empty partition")
    consumer.close()


@check("get_watermark_offsets follows what is written and what is cached agrees")
def _watermarks():
    name = make("watermarks")
    part = ck.TopicPartition(name, 0)
    consumer = reader()
    same(consumer.get_watermark_offsets(part, WAIT), (0, 0), "empty")
    write(name, [(None, b"%d" % n, 0, 0) for n in range(10)])
    same(consumer.get_watermark_offsets(part, WAIT), (0, 10), "after ten")
    consumer.assign([ck.TopicPartition(name, 0, 0)])
    read_on(consumer, 10)
    same(consumer.get_watermark_offsets(part, cached=True)[1], 10, "cached high watermark")
    consumer.close()


@check("reading outside the log is an error, or starts over where auto.offset.reset says")
def _out_of_range():
    name = make("range")
    write(name, [(None, b"%d" % n, 0, 0) for n in range(5)])
    consumer = reader(**{"auto.offset.reset": "earliest"})
    consumer.assign([ck.TopicPartition(name, 0, 77)])
    same(values(read_on(consumer, 1)), [b"0"], "earliest")
    consumer.close()
    consumer = reader()
    consumer.assign([ck.TopicPartition(name, 0, 77)])
    try:
        read_on(consumer, 1)
        raise AssertionError("no error")
    except ck.KafkaException as error:
        same(error.args[0].code(), ck.KafkaError._AUTO_OFFSET_RESET, "error")
    consumer.close()


@check("a record over max.message.bytes is reported with error 10, the others are kept")
def _too_large():
    name = make("too-large", config={"max.message.bytes": "1000"})
    producer = ck.Producer({"bootstrap.servers": BOOTSTRAP, "batch.num.messages": 1})
    outcomes = []
    for size in (500, 2000, 500):
        producer.produce(
            name, b"x" * size, on_delivery=lambda error, _: outcomes.append(error and error.code())
        )
    same(producer.flush(WAIT), 0, "undelivered")
    same(
        sorted(outcomes, key=bool),
        [None, None, ck.KafkaError.MSG_SIZE_TOO_LARGE],
        "delivery reports",
    )


@check("a time more than an hour ahead is refused with error 32")
def _far_future():
    name = make("future")
    producer = ck.Producer({"bootstrap.servers": BOOTSTRAP})
    outcomes = []
    for ahead in (HOUR // 2, 2 * HOUR):
        producer.produce(
            name,
            b"x",
            timestamp=int(time.time() * 1000) + ahead,
            on_delivery=lambda error, _: outcomes.append(error and error.code()),
        )
        same(producer.flush(WAIT), 0, "undelivered")
    same(outcomes, [None, ck.KafkaError.INVALID_TIMESTAMP], "delivery reports")


@check("LogAppendTime: records carry the broker's time, whatever the producer says")
def _append_time():
    name = make("append-time", config={"message.timestamp.type": "LogAppendTime"})
    before = int(time.time() * 1000)
    write(name, [(None, b"x", before - HOUR, 0)] * 3)
    consumer = reader()
    consumer.assign([ck.TopicPartition(name, 0, 0)])
    for message in read_on(consumer, 3):
        kind, stamp = message.timestamp()
        same(kind, ck.TIMESTAMP_LOG_APPEND_TIME, "kind of time")
        holds(before - 5 <= stamp <= time.time() * 1000 + 5, f"time {stamp}")
    consumer.close()


@check("a keyless record to a compacted topic is refused with error 87")
def _keyless():
    name = make("keyless", config={"cleanup.policy": "compact"})
    outcomes = []
    producer = ck.Producer({"bootstrap.servers": BOOTSTRAP})
    for key in (b"k", None):
        producer.produce(
            name, b"x", key, on_delivery=lambda error, _: outcomes.append(error and error.code())
        )
        same(producer.flush(WAIT), 0, "undelivered")
    same(outcomes, [None, ck.KafkaError.INVALID_RECORD], "delivery reports")


@check(
    "a transactional producer is refused fatally and at once, not left to retry", only="strandline"
)
def _transactions():
    with Wire(BOOTSTRAP) as wire:
        same(
            wire.init_producer_id("some-transaction"), 42, "InitProducerId with a transactional id"
        )
        same(wire.init_producer_id(None), 0, "InitProducerId without")
    producer = ck.Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": "some-transaction"})
    began = time.monotonic()
    try:
        producer.init_transactions(WAIT)
        raise AssertionError("accepted")
    except ck.KafkaException as error:
        holds(not error.args[0].retriable(), f"retriable: {error}")
    holds(time.monotonic() - began < 5, "it took longer than 5 s")


if __name__ == "__main__":
    run_all()
