"""kafka-python while brokers are killed and come back. By default version 2.0 does not retry at all; it
is told to, as its users are told to tell it."""

import time

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from harness.checks import BOOTSTRAP, check, holds, run_all
from harness.hurt import (
    IDEMPOTENT,
    PARTITIONS,
    PLAIN,
    READ_SECONDS_MAX,
    complete,
    judge,
    paced,
    partition_of,
)

MODERN = int(kafka.__version__.split(".")[0]) >= 3
SERVERS = BOOTSTRAP.split(",")
written = {}


def producers():
    if MODERN:
        return {
            PLAIN: KafkaProducer(bootstrap_servers=SERVERS, enable_idempotence=False),
            IDEMPOTENT: KafkaProducer(bootstrap_servers=SERVERS),
        }
    return {PLAIN: KafkaProducer(bootstrap_servers=SERVERS, acks="all", retries=1000)}


@check("every record is acknowledged while brokers are killed in turns")
def _write():
    futures = []
    making = producers()
    for number in paced():
        for name, producer in making.items():
            futures.append(producer.send(name, b"%d" % number, partition=partition_of(number)))
            written[name] = number + 1
    for future in futures:
        future.get(30)
    for producer in making.values():
        producer.close(5)


def _read(name):
    consumer = KafkaConsumer(bootstrap_servers=SERVERS, group_id=None, auto_offset_reset="none")
    places = [TopicPartition(name, p) for p in range(PARTITIONS)]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, 0)
    found = {}
    deadline = time.monotonic() + READ_SECONDS_MAX
    while not complete(found, written[name]):
        holds(time.monotonic() < deadline, f"{sum(map(len, found.values()))} of {written[name]} read")
        for place, records in consumer.poll(timeout_ms=200).items():
            found.setdefault(place.partition, []).extend(int(record.value) for record in records)
    consumer.close()
    judge(name, found, written[name])


check("all of them are read while brokers are killed in turns")(lambda: _read(PLAIN))
if MODERN:
    check("an idempotent producer's are read, each once and in order")(lambda: _read(IDEMPOTENT))

if __name__ == "__main__":
    run_all()
