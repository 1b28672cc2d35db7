"""confluent-kafka while brokers are killed and come back, with its default retries."""

import time

import confluent_kafka as ck

from clients.confluent_client import reader
from harness.checks import BOOTSTRAP, check, holds, run_all, same
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

written = {}


@check("every record is acknowledged while brokers are killed in turns")
def _write():
    plain = ck.Producer({"bootstrap.servers": BOOTSTRAP})
    idempotent = ck.Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True})
    errors = []

    def report(error, _message):
        if error is not None:
            errors.append(str(error))

    for number in paced():
        for name, producer in ((PLAIN, plain), (IDEMPOTENT, idempotent)):
            producer.produce(name, b"%d" % number, partition=partition_of(number), on_delivery=report)
            producer.poll(0)
            written[name] = number + 1
    left = plain.flush(30) + idempotent.flush(30)
    same((left, errors), (0, []), "undelivered, errors")


def _read(name):
    consumer = reader(**{"enable.partition.eof": False})
    consumer.assign([ck.TopicPartition(name, p, 0) for p in range(PARTITIONS)])
    found = {}
    deadline = time.monotonic() + READ_SECONDS_MAX
    while not complete(found, written[name]):
        holds(time.monotonic() < deadline, f"{sum(map(len, found.values()))} of {written[name]} read")
        for message in consumer.consume(100, timeout=0.2):
            if message.error() is not None:
                raise ck.KafkaException(message.error())
            found.setdefault(message.partition(), []).append(int(message.value()))
    consumer.close()
    judge(name, found, written[name])


check("all of them are read while brokers are killed in turns")(lambda: _read(PLAIN))
check("an idempotent producer's are read, each once and in order")(lambda: _read(IDEMPOTENT))

if __name__ == "__main__":
    run_all()
