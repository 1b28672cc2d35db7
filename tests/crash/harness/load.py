"""Producers that never give up, around one history."""

import threading
import time

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import history as h

TOPIC = "crash"
PARTITIONS = 3
WEAK = 3  # the number of the producer with acks=1
OUTSTANDING_MAX = 200


def create_topic(bootstrap, config=None, topic=TOPIC, seconds=20):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(topic, PARTITIONS, 1, config=config or {})
    try:
        admin.create_topics([new], request_timeout=seconds)[topic].result(seconds)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


class LoadProducer:
    """One producer on its own thread, spreading its records over all partitions."""

    def __init__(self, number, bootstrap, history, pause=0.0015):
        self.number = number
        self.fatal = None
        self.unknown = 0
        self.errors = set()
        self._history = history
        self._pause = pause
        self._outstanding = 0
        self._stop = threading.Event()
        strong = number not in history.weak
        self._producer = Producer({
            "bootstrap.servers": bootstrap,
            "acks": "all" if strong else "1",
            "enable.idempotence": strong,
            "linger.ms": 1,
            # Half of the smallest segment here: what waited for a broker is sent at once, and a
            # batch that no segment can hold is refused for good.
            "batch.size": 32_768,
            "message.timeout.ms": 300_000,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 60,
            "retry.backoff.ms": 20,
            "message.send.max.retries": 1_000_000,
            "topic.metadata.refresh.interval.ms": 2000,
            "socket.nagle.disable": True,
            "log_level": 0,
        }, logger=None)
        self._thread = threading.Thread(target=self._work, name=f"producer-{number}")

    def start(self):
        self._thread.start()

    def in_flight(self):
        return self._outstanding

    def _work(self):
        turn = 0
        while not self._stop.is_set():
            if self._outstanding < OUTSTANDING_MAX:
                self._send(turn % PARTITIONS)
                turn += 1
            self._producer.poll(self._pause)

    def _send(self, partition):
        counter = self._history.invoke(self.number, partition)
        self._outstanding += 1
        try:
            self._producer.produce(
                TOPIC, partition=partition, key=h.key_of(self.number, counter),
                value=h.value_of(self.number, partition, counter),
                headers=h.headers_of(self.number, counter),
                timestamp=h.timestamp_of(self.number, counter),
                on_delivery=lambda error, message, c=counter: self._delivered(error, message, c),
            )
        except KafkaException as error:  # a fatal error of the idempotent producer
            self._outstanding -= 1
            self.fatal = error
            self._history.fail(self.number, partition, counter)
            self._stop.set()

    def _delivered(self, error, message, counter):
        self._outstanding -= 1
        if error is None:
            self._history.ack(self.number, message.partition(), counter, message.offset())
            return
        self.unknown += 1
        self.errors.add(error.str())
        if error.fatal() or error.code() == KafkaError._FATAL:
            self.fatal = error

    def stop(self):
        self._stop.set()
        self._thread.join()

    def flush(self, seconds):
        """Waits for the answers; how many never came."""
        self._producer.flush(max(0, seconds))
        return self._outstanding + self.unknown


class Load:
    def __init__(self, bootstrap, history, producers=3, pause=0.0015):
        numbers = list(range(producers)) + sorted(history.weak)
        self.producers = [LoadProducer(n, bootstrap, history, pause) for n in numbers]
        self._history = history

    def start(self):
        for producer in self.producers:
            producer.start()

    def strong(self):
        return [p for p in self.producers if p.number not in self._history.weak]

    def wait_for_acks(self, count, seconds):
        """True once `count` more records were acknowledged."""
        target = self._history.ack_count() + count
        deadline = time.monotonic() + seconds
        while self._history.ack_count() < target:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def in_flight(self):
        return min(producer.in_flight() for producer in self.strong())

    def fatal(self):
        return [f"producer {p.number}: {p.fatal}" for p in self.producers if p.fatal]

    def errors(self):
        """What the records were answered that were not acknowledged."""
        return [f"producer {p.number}: {error}" for p in self.producers
                for error in sorted(p.errors)]

    def finish(self, seconds=60):
        """How many records of strong producers never got an answer."""
        for producer in self.producers:
            producer.stop()
        deadline = time.monotonic() + seconds
        left = {p.number: p.flush(deadline - time.monotonic()) for p in self.producers}
        return sum(count for number, count in left.items() if number not in self._history.weak)
