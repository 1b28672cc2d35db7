"""What the checks with confluent-kafka share: topics, writing with reports, reading by assign()."""

import time

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

from harness.checks import BOOTSTRAP, holds, same, settled, topic

WAIT = 15  # seconds for anything that should take milliseconds
HOUR = 3600 * 1000

admin = AdminClient({"bootstrap.servers": BOOTSTRAP})


def make(name, partitions=1, config=None):
    new = NewTopic(
        topic(name), num_partitions=partitions, replication_factor=1, config=config or {}
    )
    admin.create_topics([new], operation_timeout=WAIT)[topic(name)].result(WAIT)
    settled(
        lambda: len(admin.list_topics(timeout=WAIT).topics[topic(name)].partitions) == partitions
    )
    return topic(name)


def error_of(futures):
    """The Kafka error code of the one call in the dictionary of futures; 0 when it went well."""
    [future] = futures.values()
    try:
        future.result(WAIT)
        return 0
    except ck.KafkaException as error:
        return error.args[0].code()


def write(name, records, **settings):
    """Sends (key, value, timestamp, partition) and returns the delivered messages in that order."""
    producer = ck.Producer({"bootstrap.servers": BOOTSTRAP, "linger.ms": 5, **settings})
    delivered = [None] * len(records)
    errors = []

    def report(at):
        def on_delivery(error, message):
            if error:
                errors.append(error)
            delivered[at] = message

        return on_delivery

    for at, (key, value, timestamp, partition) in enumerate(records):
        producer.produce(
            name,
            value=value,
            key=key,
            partition=partition,
            on_delivery=report(at),
            timestamp=timestamp,
        )
    left = producer.flush(WAIT)
    same((left, errors), (0, []), "undelivered, errors")
    return delivered


def reader(**settings):
    # group.id is demanded by the library and used for nothing: assign() asks no coordinator.
    return ck.Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": "unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            **settings,
        }
    )


def read_on(consumer, count):
    """The next `count` records, or an AssertionError."""
    got = []
    deadline = time.monotonic() + WAIT
    while len(got) < count:
        holds(time.monotonic() < deadline, f"{len(got)} of {count} records after {WAIT} s")
        for message in consumer.consume(count - len(got), timeout=0.2):
            if message.error() is None:
                got.append(message)
            elif message.error().code() != ck.KafkaError._PARTITION_EOF:
                raise ck.KafkaException(message.error())
    return got


def values(messages):
    return [message.value() for message in messages]
