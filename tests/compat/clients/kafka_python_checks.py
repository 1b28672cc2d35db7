"""Checks with kafka-python, written in Python throughout: Debian's 2.0.2, and the newest one."""

import time

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    NewPartitions,
    NewTopic,
)
from kafka.errors import (
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from harness.checks import BOOTSTRAP, check, holds, run_all, same, settled, topic

WAIT_MS = 15000
HOUR = 3600 * 1000
MODERN = int(kafka.__version__.split(".")[0]) >= 3

admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def make(name, partitions=1, config=None):
    create(NewTopic(topic(name), partitions, 1, topic_configs=config or {}))
    settled(lambda: len(partitions_of(topic(name))) == partitions)
    return topic(name)


def create(new, **options):
    raise_in(admin.create_topics([new], timeout_ms=WAIT_MS, **options), "topics", "topic_errors")


def raise_in(answer, *fields):
    """Newer versions hand back an answer with error codes where older ones raise; raise always."""
    for field in fields:
        for entry in getattr(answer, field, None) or []:
            code = getattr(entry, "error_code", 0)
            if code:
                raise kafka.errors.for_code(code)


def partitions_of(name):
    with_leader = []
    for entry in admin.describe_topics([name]):
        for part in entry["partitions"]:
            holds("error_code" not in part or not part["error_code"], f"error in {part}")
            with_leader.append(part.get("partition", part.get("partition_index")))
    return sorted(with_leader)


def reader(**settings):
    settings = {
        "auto_offset_reset": "none",
        "fetch_max_wait_ms": 20,
        "enable_auto_commit": False,
        **settings,
    }
    return KafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=None, **settings)


def read_on(consumer, count):
    got = []
    deadline = time.monotonic() + WAIT_MS / 1000
    while len(got) < count:
        holds(time.monotonic() < deadline, f"{len(got)} of {count} records")
        for records in consumer.poll(timeout_ms=200, max_records=count - len(got)).values():
            got.extend(records)
    return got


def write(name, records, **settings):
    """Sends (key, value, timestamp, partition); gives what the broker said of each, in order."""
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, linger_ms=5, **settings)
    futures = [
        producer.send(name, value, key, partition=partition, timestamp_ms=timestamp)
        for key, value, timestamp, partition in records
    ]
    producer.flush(WAIT_MS / 1000)
    told = [future.get(WAIT_MS / 1000) for future in futures]
    producer.close()
    return told


def now():
    return int(time.time() * 1000)


def raises(kind, body):
    try:
        body()
    except kind:
        return
    except Exception as error:
        raise AssertionError(
            f"{type(error).__name__} instead of {kind.__name__}: {error}"
        ) from error
    raise AssertionError(f"no {kind.__name__}")


@check("the versions are negotiated, the broker and its topics listed")
def _versions():
    name = make("metadata", 3)
    consumer = reader()
    settled(lambda: name in consumer.topics())
    same(sorted(consumer.partitions_for_topic(name)), [0, 1, 2], "partitions")
    consumer.close()
    cluster = admin.describe_cluster()
    [broker] = cluster["brokers"]
    same(f"{broker['host']}:{broker['port']}", BOOTSTRAP, "broker")
    holds(cluster["cluster_id"], "no cluster id")
    holds(name in admin.list_topics(), "not listed")


def _codec_check(codec):
    @check(f"{codec or 'no codec'}: keys, values, headers and times come back as sent")
    def _body():
        name = make(f"codec-{codec}", 2)
        base = now() - HOUR
        producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, linger_ms=20)
        sent, futures = [], []
        for n in range(500):
            record = (
                b"k%d" % n,
                b"value %d " % n + b"strandline " * 9,
                base + n,
                [("h", b"%d" % n), ("h", b"")],
            )
            sent.append(record)
            key, value, stamp, headers = record
            futures.append(producer.send(name, value, key, headers, n % 2, stamp))
        producer.flush(WAIT_MS / 1000)
        same([f.get(1).offset for f in futures], [n // 2 for n in range(500)], "offsets told")
        producer.close()
        consumer = reader()
        consumer.assign([TopicPartition(name, 0), TopicPartition(name, 1)])
        consumer.seek_to_beginning()
        got = sorted(read_on(consumer, 500), key=lambda r: r.timestamp)
        consumer.close()
        same([(r.key, r.value, r.timestamp, list(r.headers)) for r in got], sent, "records")

    return _body


for _codec in (None, "gzip", "snappy", "lz4", "zstd"):
    _codec_check(_codec)


@check("acks 0, 1 and all: everything sent can be read, in order")
def _acks():
    for acks in (0, 1, "all"):
        name = make(f"acks-{acks}")
        write(name, [(None, b"%d" % n, None, 0) for n in range(200)], acks=acks)
        consumer = reader()
        consumer.assign([TopicPartition(name, 0)])
        consumer.seek_to_beginning()
        same(
            [r.value for r in read_on(consumer, 200)],
            [b"%d" % n for n in range(200)],
            f"acks={acks}",
        )
        consumer.close()


if MODERN:

    @check("an idempotent producer's records are there once each, in order")
    def _idempotent():
        name = make("idempotent")
        records = [(None, b"%d" % n, None, 0) for n in range(2000)]
        write(name, records, enable_idempotence=True, acks="all", batch_size=400)
        consumer = reader()
        consumer.assign([TopicPartition(name, 0)])
        consumer.seek_to_beginning()
        same(
            [r.value for r in read_on(consumer, 2000)], [b"%d" % n for n in range(2000)], "records"
        )
        consumer.close()


@check("seek, position, beginning and end offsets are exact")
def _seek():
    name = make("seek", 2)
    write(name, [(None, b"%d" % n, None, 0) for n in range(100)])
    consumer = reader()
    part, empty = TopicPartition(name, 0), TopicPartition(name, 1)
    consumer.assign([part, empty])
    same(consumer.beginning_offsets([part, empty]), {part: 0, empty: 0}, "beginning offsets")
    same(consumer.end_offsets([part, empty]), {part: 100, empty: 0}, "end offsets")
    consumer.seek(empty, 0)
    consumer.seek(part, 93)
    same([r.value for r in read_on(consumer, 3)], [b"93", b"94", b"95"], "from 93")
    same(consumer.position(part), 96, "position")
    consumer.seek(part, 11)
    same([r.offset for r in read_on(consumer, 2)], [11, 12], "from 11")
    consumer.seek_to_end(part)
    same(consumer.position(part), 100, "position at the end")
    write(name, [(None, b"tail", None, 0)])
    same([r.value for r in read_on(consumer, 1)], [b"tail"], "after the end")
    consumer.close()


@check("reads by time land on the exact record")
def _times():
    name, base = make("times", 2), now() - HOUR
    steps = [0, 10, 10, 30, 20, 50, 40, 60]
    write(name, [(None, b"x", base + step, 0) for step in steps])
    consumer = reader()
    part, empty = TopicPartition(name, 0), TopicPartition(name, 1)
    for step in range(0, 61):
        found = consumer.offsets_for_times({part: base + step})[part]
        offset = next(n for n, s in enumerate(steps) if s >= step)
        same((found.offset, found.timestamp), (offset, base + steps[offset]), f"at +{step} ms")
    same(consumer.offsets_for_times({part: base + 61}), {part: None}, "after the last")
    same(consumer.offsets_for_times({empty: base}), {empty: None}, "in an empty partition")
    consumer.close()


@check("a reader outside the log starts over at the ends")
def _out_of_range():
    name = make("range")
    write(name, [(None, b"%d" % n, None, 0) for n in range(5)])
    consumer = reader(auto_offset_reset="earliest")
    consumer.assign([TopicPartition(name, 0)])
    consumer.seek(TopicPartition(name, 0), 1000)
    same(read_on(consumer, 1)[0].offset, 0, "first offset read")
    consumer.close()


@check("a record over max.message.bytes is refused with its own error")
def _too_large():
    name = make("too-large", config={"max.message.bytes": "1000"})
    write(name, [(None, b"x" * 500, None, 0)])
    raises(MessageSizeTooLargeError, lambda: write(name, [(None, b"x" * 2000, None, 0)]))


@check("null keys and null values are told from empty ones")
def _nulls():
    name = make("nulls")
    pairs = [(b"k", None), (None, b"v"), (b"", b"v"), (b"k", b"")]
    write(name, [(key, value, None, 0) for key, value in pairs])
    consumer = reader()
    consumer.assign([TopicPartition(name, 0)])
    consumer.seek_to_beginning()
    same([(r.key, r.value) for r in read_on(consumer, 4)], pairs, "keys and values")
    consumer.close()


@check("creating topics: each mistake has its own error")
def _create_errors():
    name = make("exists")
    raises(TopicAlreadyExistsError, lambda: create(NewTopic(name, 1, 1)))
    raises(InvalidTopicError, lambda: create(NewTopic(topic("a b"), 1, 1)))
    raises(InvalidPartitionsError, lambda: create(NewTopic(topic("bad"), 0, 1)))
    raises(InvalidReplicationFactorError, lambda: create(NewTopic(topic("bad"), 1, 3)))
    wrong = NewTopic(topic("bad"), 1, 1, topic_configs={"retention.ms": "soon"})
    raises(InvalidConfigurationError, lambda: create(wrong))
    create(NewTopic(topic("bad"), 1, 1), validate_only=True)
    holds(topic("bad") not in admin.list_topics(), "validate_only created the topic")


@check("deleting a topic: gone, then unknown")
def _delete():
    name = make("delete")
    raise_in(admin.delete_topics([name], timeout_ms=WAIT_MS), "responses", "topic_error_codes")
    settled(lambda: name not in admin.list_topics())

    def again():
        raise_in(admin.delete_topics([name], timeout_ms=WAIT_MS), "responses", "topic_error_codes")

    raises(UnknownTopicOrPartitionError, again)


@check("more partitions: added and usable")
def _grow():
    name = make("grow")
    admin.create_partitions(
        {name: NewPartitions(3)} if not MODERN else {name: 3}, timeout_ms=WAIT_MS
    )
    settled(lambda: partitions_of(name) == [0, 1, 2])
    same(
        [m.offset for m in write(name, [(None, b"x", None, p) for p in range(3)])],
        [0, 0, 0],
        "offsets",
    )


def configs(name):
    """{setting: value} of a topic, in the form of either version."""
    options = {"config_filter": "all"} if MODERN else {}
    answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], **options)
    if isinstance(answer, dict):
        [by_name] = answer.values()
        [settings] = by_name.values() if name in by_name else [by_name]
        return {
            key: entry["value"] if isinstance(entry, dict) else entry
            for key, entry in settings.items()
        }
    found = {}
    for response in answer:
        for resource in response.resources:
            same(resource[0], 0, "error code")
            found.update({entry[0]: entry[1] for entry in resource[4]})
    return found


@check("topic settings are described and altered")
def _configs():
    name = make("configs", config={"retention.ms": "12345678"})
    found = configs(name)
    same((found["retention.ms"], found["cleanup.policy"]), ("12345678", "delete"), "described")
    admin.alter_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name, configs={"segment.ms": "3600000"})]
    )
    settled(lambda: configs(name)["segment.ms"] == "3600000")


if __name__ == "__main__":
    run_all()
