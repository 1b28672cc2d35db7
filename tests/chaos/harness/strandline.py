"""Our own producer and consumer (client/), as the program that is built beside the brokers runs them. It
tells one operation a line (tests/chaos/client/jobs.h), with times of the same clock as ours."""

import contextlib
import subprocess
import threading

from harness.history import Ack, Fetch

NUMBER = 900  # of the producer; far from those that others count up to


class ProducerAccount:
    """Takes down what a producer tells."""

    def __init__(self, number, history):
        self.number, self._history = number, history

    def take(self, line):
        what, partition, counter, *more = line.split(" ")
        partition, counter = int(partition), int(counter)
        if what == "sent":
            if self._history.send(self.number, partition, float(more[0])) != counter:
                raise ValueError(f"out of order: {line}")
        elif what == "ack":
            offset, broker, began, ended = more
            self._history.acks.append(Ack(self.number, partition, counter, _number(offset), float(began),
                                          float(ended), int(broker)))
        elif what == "fail":
            if more[0] == "not-written":
                self._history.fail(self.number, partition, counter)
            self._history.finding("I21", f"partition {partition}: record {counter} of producer "
                                  f"{self.number} failed, {' '.join(more)}")
        else:
            raise ValueError(f"not to be understood: {line}")


class ConsumerAccount:
    """Takes down what a consumer of all partitions tells."""

    def __init__(self, name, partitions, history):
        self.name, self._history = name, history
        self.places = dict.fromkeys(range(partitions), 0)

    def take(self, line):
        what, rest = line.split(" ", 1)
        if what == "finding":
            invariant, sentence = rest.split(" ", 1)
            self._history.finding(invariant, f"{self.name}: {sentence}")
        elif what == "fetch":
            self._fetch(*rest.split(" "))
        else:
            raise ValueError(f"not to be understood: {line}")

    def _fetch(self, partition, began, ended, broker, role, epoch, offset, high_watermark, *records):
        found = [_record(each) for each in records]
        fetch = Fetch(self.name, int(partition), float(began), float(ended), int(broker), role, int(epoch),
                      int(offset), int(high_watermark), found)
        self._history.fetches.append(fetch)
        self.places[fetch.partition] = found[-1][0] + 1 if found else fetch.offset


def _record(text):
    offset, producer, counter, epoch = text.split(":")
    name = None if producer == "-" else (int(producer), int(counter))
    return int(offset), name, int(epoch)


def _number(text):
    return None if text == "-" else int(text)


class Program:
    """The program at work, with a thread that reads what it tells. It ends with that thread."""

    def __init__(self, name, command, account):
        self.name, self.account = name, account
        self.failed = None
        self._command = ["setpriv", "--pdeathsig", "KILL", *command]
        self._process = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self):
        self._thread.start()
        self._started.wait()

    def stop(self):
        """Lets it finish what it has begun."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def join(self, seconds):
        """Whether it has ended by then."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def kill(self):
        if self._process is not None:
            self._process.kill()

    def _work(self):
        try:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self._started.set()
            for line in self._process.stdout:
                self.account.take(line.rstrip("\n"))
            status = self._process.wait()
            if status not in (0, -9):
                raise RuntimeError(f"exit status {status}")
        except Exception as error:  # a client of ours that breaks is a failure of the run
            self.failed = f"{self.name}: {type(error).__name__}: {error}"
            self.kill()
        finally:
            self._started.set()


def producer(path, cluster, history, seed, topic, partitions):
    return Program("strandline-producer",
                   [path, "produce", "--bootstrap", cluster.bootstrap, "--topic", topic, "--partitions",
                    str(partitions), "--producer", str(NUMBER), "--seed", str(seed)],
                   ProducerAccount(NUMBER, history))


def consumer(path, cluster, history, seed, topic, partitions):
    name = "strandline-consumer"
    return Program(name,
                   [path, "consume", "--bootstrap", cluster.bootstrap, "--topic", topic, "--partitions",
                    str(partitions), "--seed", str(seed)],
                   ConsumerAccount(name, partitions, history))
