"""Requests and their answers, in old versions whose fields are easy to write by hand."""

import struct
from collections import namedtuple

from rig.batch import records_of
from rig.wire import Answer, array, blob, compact_array, compact_string, nullable, string, tags

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS = 0, 1, 2, 3, 18
CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS, INIT_PRODUCER_ID = 19, 20, 21, 22
FIND_COORDINATOR, CREATE_PARTITIONS, INCREMENTAL_ALTER_CONFIGS = 10, 37, 44
ELECT_LEADERS, ALTER_REASSIGNMENTS = 43, 45
TOPIC, BROKER = 2, 4  # whose configs

OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE, UNKNOWN_TOPIC, MESSAGE_TOO_LARGE = 1, 2, 3, 10
LEADER_NOT_AVAILABLE, NOT_LEADER, REQUEST_TIMED_OUT = 5, 6, 7
NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND = 19, 20
INVALID_REQUIRED_ACKS, TOPIC_ALREADY_EXISTS = 21, 36
UNSUPPORTED_VERSION, INVALID_REQUEST, OUT_OF_ORDER, INVALID_PRODUCER_EPOCH = 35, 42, 45, 47
OFFSET_NOT_AVAILABLE, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH = 78, 74, 75
TRANSACTIONAL_ID_FAILED, STORAGE_ERROR, INVALID_RECORD = 53, 56, 87

Produced = namedtuple("Produced", "error offset message")
Fetched = namedtuple("Fetched", "error high_watermark log_start records")


def produce_body(topic, partitions, acks=-1, timeout=30_000, transactional_id=None):
    """Produce v8; `partitions` is {number: batch}."""
    each = [struct.pack(">i", number) + blob(batch) for number, batch in partitions.items()]
    return (nullable(transactional_id) + struct.pack(">hi", acks, timeout)
            + array([string(topic) + array(each)]))


def read_produced(answer):
    """{partition: Produced} of the one topic of a Produce v8 answer."""
    def error_of_record(a):
        return a.int32(), a.string()

    def partition(a):
        number, error, offset = a.int32(), a.int16(), a.int64()
        a.int64()  # append time
        a.int64()  # log start offset
        a.array(error_of_record)
        return number, Produced(error, offset, a.string())

    topics = answer.array(lambda a: (a.string(), dict(a.array(partition))))
    return topics[0][1]


def produce(wire, topic, batch, partition=0, acks=-1, **rest):
    answer = wire.call(PRODUCE, 8, produce_body(topic, {partition: batch}, acks, **rest))
    return read_produced(answer)[partition]


def fetch_body(topic, offsets, wait_ms=0, bytes_min=1, bytes_max=1 << 26):
    """Fetch v5; `offsets` is {partition: offset}."""
    each = [struct.pack(">iqqi", number, offset, -1, bytes_max) for number, offset in offsets.items()]
    return (struct.pack(">iiiib", -1, wait_ms, bytes_min, bytes_max, 0)
            + array([string(topic) + array(each)]))


def read_fetched(answer):
    """{partition: Fetched} of the one topic of a Fetch v5 answer; nothing when none was named."""
    def partition(a):
        number, error, high_watermark = a.int32(), a.int16(), a.int64()
        a.int64()  # last stable offset
        log_start = a.int64()
        a.array(lambda b: (b.int64(), b.int64()))
        return number, Fetched(error, high_watermark, log_start, a.blob())

    answer.int32()  # throttle time
    topics = answer.array(lambda a: (a.string(), dict(a.array(partition))))
    return topics[0][1] if topics else {}


def fetch(wire, topic, offset, partition=0, **rest):
    return read_fetched(wire.call(FETCH, 5, fetch_body(topic, {partition: offset}, **rest)))[partition]


def values(fetched):
    return [value for _, value in records_of(fetched.records or b"")]


def metadata_body(topics=None):
    """Metadata v1; None asks for all."""
    return struct.pack(">i", -1) if topics is None else array([string(t) for t in topics])


def metadata(wire, topics=None):
    """{topic: (error, number of partitions)}"""
    def broker(a):
        return a.int32(), a.string(), a.int32(), a.string()

    def partition(a):
        error, number, leader = a.int16(), a.int32(), a.int32()
        a.array(lambda b: b.int32())
        a.array(lambda b: b.int32())
        return error, number, leader

    def topic(a):
        error, name = a.int16(), a.string()
        a.int8()
        return name, (error, len(a.array(partition)))

    answer = wire.call(METADATA, 1, metadata_body(topics))
    answer.array(broker)
    answer.int32()
    return dict(answer.array(topic))


Placed = namedtuple("Placed", "error leader replicas isr")


def placement(wire, topic):
    """{partition: Placed} of a topic; nothing when there is no such topic."""
    def broker(a):
        return a.int32(), a.string(), a.int32(), a.string()

    def partition(a):
        error, number, leader = a.int16(), a.int32(), a.int32()
        return number, Placed(error, leader, a.array(lambda b: b.int32()), a.array(lambda b: b.int32()))

    def one(a):
        error, name = a.int16(), a.string()
        a.int8()
        return name, (error, dict(a.array(partition)))

    answer = wire.call(METADATA, 1, metadata_body([topic]))
    answer.array(broker)
    answer.int32()
    return dict(answer.array(one)).get(topic, (0, {}))[1]


def create_topic_body(name, partitions, configs, seconds=30, replicas=1):
    """CreateTopics v2; `replicas` is a number, or lists of brokers by partition."""
    each = [string(key) + nullable(str(value)) for key, value in configs.items()]
    listed = [] if isinstance(replicas, int) else [
        struct.pack(">i", number) + array([struct.pack(">i", broker) for broker in brokers])
        for number, brokers in enumerate(replicas)]
    numbers = (partitions, replicas) if isinstance(replicas, int) else (-1, -1)
    body = array([string(name) + struct.pack(">ih", *numbers) + array(listed) + array(each)])
    return body + struct.pack(">ib", int(seconds * 1000), 0)


def read_created(answer):
    """The error of the one topic of a CreateTopics v2 answer."""
    answer.int32()
    return answer.array(lambda a: (a.string(), a.int16(), a.string()))[0][1]


def create_topic(wire, name, partitions=1, replicas=1, **configs):
    """The error. Dots of a config's name are written as underscores."""
    configs = {key.replace("_", "."): value for key, value in configs.items()}
    body = create_topic_body(name, partitions, configs, replicas=replicas)
    return read_created(wire.call(CREATE_TOPICS, 2, body))


def create_partitions(wire, name, count):
    """The error. CreatePartitions v0."""
    body = array([string(name) + struct.pack(">ii", count, -1)]) + struct.pack(">ib", 30_000, 0)
    answer = wire.call(CREATE_PARTITIONS, 0, body)
    answer.int32()
    return answer.array(lambda a: (a.string(), a.int16(), a.string()))[0][1]


def delete_topic(wire, name):
    answer = wire.call(DELETE_TOPICS, 1, array([string(name)]) + struct.pack(">i", 30_000))
    answer.int32()
    return answer.array(lambda a: (a.string(), a.int16()))[0][1]


def delete_records(wire, topic, before, partition=0):
    """(error, new log start)"""
    body = array([string(topic) + array([struct.pack(">iq", partition, before)])])
    answer = wire.call(DELETE_RECORDS, 0, body + struct.pack(">i", 30_000))
    answer.int32()

    def one(a):
        number, low, error = a.int32(), a.int64(), a.int16()
        return number, (error, low)

    return answer.array(lambda a: (a.string(), dict(a.array(one))))[0][1][partition]


def alter_configs(wire, kind, name, changes):
    """IncrementalAlterConfigs v0 of a TOPIC or BROKER; a value of None removes the config. The error."""
    each = [string(key) + struct.pack(">b", 1 if value is None else 0) + nullable(value)
            for key, value in changes.items()]
    body = array([struct.pack(">b", kind) + string(name) + array(each)])
    answer = wire.call(INCREMENTAL_ALTER_CONFIGS, 0, body + struct.pack(">b", 0))
    answer.int32()
    return answer.int32() and answer.int16()


def alter_topic(wire, topic, key, value):
    """One config set; the error."""
    return alter_configs(wire, TOPIC, topic, {key: value})


def init_producer_id(wire, transactional_id=None):
    """(error, producer id, epoch)"""
    answer = wire.call(INIT_PRODUCER_ID, 0, nullable(transactional_id) + struct.pack(">i", 60_000))
    answer.int32()
    return answer.int16(), answer.int64(), answer.int16()


def list_offset_body(topic, time, partition=0):
    """ListOffsets v1; -1 asks for the end, -2 for the start."""
    return struct.pack(">i", -1) + array([string(topic) + array([struct.pack(">iq", partition, time)])])


def read_list_offset(answer, partition=0):
    """(error, offset) of a partition of a ListOffsets v1 answer."""
    def one(a):
        number, error = a.int32(), a.int16()
        a.int64()
        return number, (error, a.int64())

    return answer.array(lambda a: (a.string(), dict(a.array(one))))[0][1][partition]


def list_offset(wire, topic, time, partition=0):
    """(error, offset)"""
    answer = wire.call(LIST_OFFSETS, 1, list_offset_body(topic, time, partition))
    return read_list_offset(answer, partition)


Led = namedtuple("Led", "error leader leader_epoch replicas isr")


def leadership(wire, topic):
    """{partition: Led} as one broker knows it; nothing when it knows no such topic. Metadata v7."""
    def broker(a):
        return a.int32(), a.string(), a.int32(), a.string()

    def partition(a):
        error, number, leader, leader_epoch = a.int16(), a.int32(), a.int32(), a.int32()
        replicas, isr, _ = (a.array(lambda b: b.int32()) for _ in range(3))
        return number, Led(error, leader, leader_epoch, replicas, isr)

    def one(a):
        _, name = a.int16(), a.string()
        a.int8()
        return name, dict(a.array(partition))

    answer = wire.call(METADATA, 7, array([string(topic)]) + struct.pack(">b", 0))
    answer.int32()
    answer.array(broker)
    answer.string()
    answer.int32()
    return dict(answer.array(one)).get(topic, {})


def fetch_in_epoch(wire, topic, partition, offset, leader_epoch, wait_ms=0, bytes_min=1,
                   bytes_max=1 << 20):
    """Fetched; the broker answers only if it knows the partition in that leader epoch. Fetch v11,
    without a session."""
    one = struct.pack(">iiqqi", partition, leader_epoch, offset, -1, bytes_max)
    body = (struct.pack(">iiiibii", -1, wait_ms, bytes_min, 50 << 20, 0, 0, -1)
            + array([string(topic) + array([one])]) + array([]) + string(""))
    answer = wire.call(FETCH, 11, body)

    def read(a):
        a.int32()
        error, high_watermark, _, log_start = a.int16(), a.int64(), a.int64(), a.int64()
        a.array(lambda b: (b.int64(), b.int64()))
        a.int32()  # preferred read replica
        return Fetched(error, high_watermark, log_start, a.blob() or b"")

    answer.int32()
    error = answer.int16()
    answer.int32()  # session
    found = [one for _, each in answer.array(lambda a: (a.string(), a.array(read))) for one in each]
    fetched = found[0] if found else Fetched(0, -1, -1, b"")
    return fetched._replace(error=fetched.error or error)


TIME_STATEMENT = 21324
TimeStatement = namedtuple("TimeStatement", "version log_end broker_time highest_event_time idle_ms")


def fetch_with_time(wire, topic, partition, offset, wait_ms=0):
    """(error, records, TimeStatement or None): Fetch v12 with the tag that asks for a statement."""
    one = struct.pack(">iiqiqi", partition, -1, offset, -1, -1, 1 << 20) + tags()
    body = (tags() + struct.pack(">iiiibii", -1, wait_ms, 1, 50 << 20, 0, 0, -1)
            + compact_array([compact_string(topic) + compact_array([one]) + tags()])
            + compact_array([]) + compact_string("") + tags({TIME_STATEMENT: b"\x01"}))
    answer = wire.call(FETCH, 12, body)

    def read(a):
        a.int32()
        error = a.int16()
        a.int64(), a.int64(), a.int64()
        a.compact_array(lambda b: (b.int64(), b.int64(), b.tags()))
        a.int32()
        records = a.compact_bytes()
        stated = a.tags().get(TIME_STATEMENT)
        if stated is None:
            return error, records, None
        b = Answer(stated)
        return error, records, TimeStatement(b.int8(), *(b.int64() for _ in range(4)))

    answer.tags()  # of the header
    answer.int32(), answer.int16(), answer.int32()
    topics = answer.compact_array(lambda a: (a.compact_bytes(), a.compact_array(read), a.tags()))
    return topics[0][1][0]


def list_offset_in_epoch(wire, topic, time, partition, leader_epoch):
    """(error, offset) as of that leader epoch; ListOffsets v4."""
    one = struct.pack(">iiq", partition, leader_epoch, time)
    answer = wire.call(LIST_OFFSETS, 4, struct.pack(">ib", -1, 0)
                       + array([string(topic) + array([one])]))

    def read(a):
        a.int32()
        error, _, offset, _ = a.int16(), a.int64(), a.int64(), a.int32()
        return error, offset

    answer.int32()
    return answer.array(lambda a: (a.string(), a.array(read)))[0][1][0]


def offered(wire):
    """The keys of all requests that the broker knows; ApiVersions v0."""
    answer = wire.call(API_VERSIONS, 0, b"")
    answer.int16()
    return set(answer.array(lambda a: (a.int16(), a.int16(), a.int16())[0]))


def _compact(items):
    """A compact array of fewer than 127 items."""
    return bytes([len(items) + 1]) + b"".join(items)


def _compact_string(text):
    return bytes([len(text) + 1]) + text.encode()


def _read_compact_string(answer):
    length = answer.int8() - 1
    return None if length < 0 else answer.bytes(length).decode()


def reassign(wire, topic, replicas):
    """The first error of AlterPartitionReassignments v0; `replicas` is {partition: brokers}."""
    each = [struct.pack(">i", number) + _compact([struct.pack(">i", one) for one in brokers]) + b"\0"
            for number, brokers in replicas.items()]
    body = (b"\0" + struct.pack(">i", 30_000)
            + _compact([_compact_string(topic) + _compact(each) + b"\0"]) + b"\0")
    answer = wire.call(ALTER_REASSIGNMENTS, 0, body)
    answer.int8()
    answer.int32()
    error = answer.int16()
    _read_compact_string(answer)
    if error or answer.int8() < 2:
        return error
    _read_compact_string(answer)
    errors = []
    for _ in range(answer.int8() - 1):
        answer.int32()
        errors.append(answer.int16())
        _read_compact_string(answer)
        answer.int8()
    return next(filter(None, errors), 0)


def elect_preferred(wire, topic, partitions):
    """ElectLeaders v1; that a partition's preferred replica leads already is an error there, so none is
    looked at."""
    each = [struct.pack(">i", number) for number in partitions]
    wire.call(ELECT_LEADERS, 1, struct.pack(">b", 0) + array([string(topic) + array(each)])
              + struct.pack(">i", 5_000))
