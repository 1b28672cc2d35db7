"""What the demonstrations send and how they compare it: this machine's package log, through kcat."""

import collections
import pathlib
import socket
import subprocess
import time

TOPIC = "dpkg-log"
PARTITIONS = 4
LOGS = [pathlib.Path("/var/log/dpkg.log.1"), pathlib.Path("/var/log/dpkg.log")]  # older first
CLIENT_SECONDS_MAX = 120
# Words of a log line that stand before the package's name: "status STATE package version".
STATUS_WORDS = {"status": 4}
PACKAGE_WORD = 3


class Failure(Exception):
    """What went wrong, in words for the person at the terminal."""


def step(name, began, text):
    print(f"{name:<10} {text} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)


def package_of(line):
    """The key of a log line: the package it is about, else its verb ("startup archives unpack")."""
    words = line.split()
    if len(words) < 3:
        return b"-"
    verb = words[2].decode(errors="replace")
    place = STATUS_WORDS.get(verb, PACKAGE_WORD)
    if verb == "startup" or len(words) <= place:
        return words[2]
    return words[place].split(b":")[0]


def read_events():
    """[(key, line)] of the package log, in the order in which they were written."""
    found = [log for log in LOGS if log.is_file()]
    events = []
    for log in found:
        try:
            lines = log.read_bytes().split(b"\n")
        except PermissionError:
            raise Failure(f"{log} may not be read by this user: run tools/quickstart as root") from None
        events += [(package_of(line), line) for line in lines if line]
    if not events:
        raise Failure("this machine has no package log: /var/log/dpkg.log is missing or empty. The "
                      "quickstart sends that file's lines; on a Debian machine any apt-get install "
                      "writes some")
    return events


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def create_topic(bootstrap, replicas):
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=replicas, config={"retention.ms": "-1"})
    try:
        admin.create_topics([topic], operation_timeout=10)[TOPIC].result(timeout=15)
    except KafkaException as error:
        raise Failure(f"topic {TOPIC} was not created: {error}. Where it exists from an earlier run, "
                      "give another directory with --data") from None


def kcat(arguments, given=b""):
    # A client that is told of a leader just before that one dies looks again, unset, in five minutes.
    command = ["kcat", *arguments, "-X", "topic.metadata.refresh.interval.ms=500"]
    done = subprocess.run(command, input=given, capture_output=True, timeout=CLIENT_SECONDS_MAX)
    # That a broker was not reached is told as an error, too, and is none while others are there.
    if done.returncode != 0 or b"Delivery failed" in done.stderr:
        raise Failure(f"kcat {' '.join(arguments)} failed:\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def send(bootstrap, events):
    if any(b"\t" in key for key, _ in events):
        raise Failure("a package name in the log holds a tab, which parts key and value here")
    lines = b"".join(key + b"\t" + value + b"\n" for key, value in events)
    kcat(["-b", bootstrap, "-P", "-t", TOPIC, "-K", "\t", "-X", "acks=all", "-X", "enable.idempotence=true"], lines)
    return len(lines)


def read_back(bootstrap):
    """[(partition, key, value)], each partition in the order of its offsets."""
    # At the end of a partition the broker waits for more as long as the client asks; unset, half a second.
    out = kcat(["-b", bootstrap, "-C", "-t", TOPIC, "-o", "beginning", "-e", "-q", "-f", "%p\t%k\t%s\n",
                "-X", "fetch.wait.max.ms=10"])
    return [tuple(line.split(b"\t", 2)) for line in out.split(b"\n") if line]


def compare(sent, received):
    """Raises unless what came back is what went in, byte for byte and in the order of each key."""
    sent_by_key = collections.defaultdict(list)
    for key, value in sent:
        sent_by_key[key].append(value)
    received_by_key = collections.defaultdict(list)
    partitions_by_key = collections.defaultdict(set)
    for partition, key, value in received:
        received_by_key[key].append(value)
        partitions_by_key[key].add(partition)

    def counted(by_key):
        return collections.Counter((key, value) for key, values in by_key.items() for value in values)

    lost = counted(sent_by_key) - counted(received_by_key)
    extra = counted(received_by_key) - counted(sent_by_key)
    if lost or extra:
        example = next(iter(lost or extra))
        raise Failure(f"{lost.total()} events are missing and {extra.total()} were never sent, e.g. {example}")
    for key, values in sent_by_key.items():
        if len(partitions_by_key[key]) != 1:
            raise Failure(f"key {key.decode()} lies in partitions {sorted(partitions_by_key[key])}")
        if received_by_key[key] != values:
            raise Failure(f"the events of key {key.decode()} came back in another order")
    return len(sent_by_key), len({partition for partition, _, _ in received})


def check(name, bootstrap, events):
    began = time.monotonic()
    received = read_back(bootstrap)
    took = time.monotonic() - began
    keys, partitions = compare(events, received)
    step(name, began, f"{len(received)} events, {len(received) / took:,.0f}/s: equal byte for byte, "
                      f"in order for each of {keys} packages, in {partitions} partitions")
