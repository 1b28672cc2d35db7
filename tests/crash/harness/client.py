"""A client that connects again when the broker has died, and the requests that only crash tests make: no
client library, so that what the broker sent can be judged byte by byte."""

import struct
import time

from rig import api
from rig.wire import Wire, array, string

DESCRIBE_PRODUCERS = 61

_NAMES = {
    -1: "UNKNOWN_SERVER_ERROR", 1: "OFFSET_OUT_OF_RANGE", 2: "CORRUPT_MESSAGE",
    3: "UNKNOWN_TOPIC_OR_PARTITION", 5: "LEADER_NOT_AVAILABLE", 6: "NOT_LEADER_OR_FOLLOWER",
    7: "REQUEST_TIMED_OUT", 36: "TOPIC_ALREADY_EXISTS", 56: "KAFKA_STORAGE_ERROR",
    78: "OFFSET_NOT_AVAILABLE",
}
PASSING = {5, 6, 7, 78}  # whoever gets one asks again


class BrokerError(RuntimeError):
    """The broker answered with an error code."""

    def __init__(self, where, code):
        super().__init__(f"{where}: {_NAMES.get(code, f'error {code}')}")
        self.code = code


class Client:
    """One connection, made again when it is gone. Not for several threads at a time."""

    def __init__(self, bootstrap):
        self._port = int(bootstrap.rsplit(":", 1)[1])
        self._wire = None

    def close(self):
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def call_once(self, key, version, body, seconds=10):
        """The answer; OSError when the connection is gone."""
        try:
            if self._wire is None:
                self._wire = Wire(self._port, timeout=seconds)
            self._wire.socket.settimeout(seconds)
            return self._wire.call(key, version, body)
        except OSError:
            self.close()
            raise

    def call(self, key, version, body, deadline):
        """The same, asked again on new connections until the deadline."""
        while True:
            try:
                return self.call_once(key, version, body, max(0.1, deadline - time.monotonic()))
            except OSError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no answer: {error}") from None
                time.sleep(0.02)


def fetch(client, topic, partition, offset, partition_bytes, wait_ms, seconds):
    """One try of version 11, without a session, as api.Fetched; OSError when no answer came."""
    one = struct.pack(">iiqqi", partition, -1, offset, -1, partition_bytes)
    body = (struct.pack(">iiiibii", -1, wait_ms, 1, 50 << 20, 0, 0, -1)
            + array([string(topic) + array([one])]) + array([]) + string(""))
    answer = client.call_once(api.FETCH, 11, body, seconds)

    def read(a):
        a.int32()
        error, high_watermark, _, log_start = a.int16(), a.int64(), a.int64(), a.int64()
        a.array(lambda b: (b.int64(), b.int64()))
        a.int32()  # preferred read replica
        return api.Fetched(error, high_watermark, log_start, a.blob() or b"")

    answer.int32()
    error = answer.int16()
    answer.int32()  # session
    found = [one for _, each in answer.array(lambda a: (a.string(), a.array(read))) for one in each]
    if answer.left():
        raise AssertionError("bytes behind the last field of a Fetch answer")
    fetched = found[-1] if found else api.Fetched(0, -1, -1, b"")
    return fetched._replace(error=fetched.error or error)


def describe_producers(client, topic, partition, seconds=10):
    """[(producer id, epoch, last sequence)] of a partition, from an answer of version 0; its lengths are
    all below 128."""
    name = topic.encode()
    tags = bytes(1)
    body = tags + bytes([2, len(name) + 1]) + name + bytes([2]) + struct.pack(">i", partition) + bytes(2)
    answer = client.call(DESCRIBE_PRODUCERS, 0, body, time.monotonic() + seconds)
    answer.int8(), answer.int32(), answer.int8(), answer.bytes(answer.int8() - 1), answer.int8()
    partition, code, _ = answer.int32(), answer.int16(), answer.int8()
    if code:
        raise BrokerError(f"DescribeProducers of partition {partition}", code)
    producers = []
    for _ in range(answer.int8() - 1):
        producers.append((answer.int64(), answer.int32(), answer.int32()))
        answer.bytes(8 + 4 + 8 + 1)
    return sorted(producers)


def create_topic(client, topic, partitions, config, seconds=10):
    """The error code of one try; OSError when no answer came."""
    body = api.create_topic_body(topic, partitions, config, seconds)
    return api.read_created(client.call_once(api.CREATE_TOPICS, 2, body, seconds))


def partition_count(client, topic, seconds=10):
    """(error code, partitions) as Metadata of version 4 tells, without creating the topic."""
    body = array([string(topic)]) + struct.pack(">b", 0)
    answer = client.call(api.METADATA, 4, body, time.monotonic() + seconds)
    answer.int32()
    answer.array(lambda a: (a.int32(), a.string(), a.int32(), a.string()))
    answer.string(), answer.int32(), answer.int32()
    code, _, _ = answer.int16(), answer.string(), answer.int8()
    return code, answer.int32()
