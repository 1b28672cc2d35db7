"""What programs written in Python share that work while brokers are killed and come back: `run` makes the
two topics before it begins to kill, with three partitions on all three brokers."""

import time

from harness.checks import holds, same, topic

PARTITIONS = 3
SECONDS = 12  # of writing: each broker is killed at least once meanwhile
READ_SECONDS_MAX = 30
PLAIN, IDEMPOTENT = topic("plain"), topic("idempotent")


def paced():
    """Numbers of records, a hundred a second."""
    began = time.monotonic()
    number = 0
    while time.monotonic() < began + SECONDS:
        yield number
        number += 1
        time.sleep(max(0.0, began + number / 100 - time.monotonic()))


def partition_of(number):
    return number % PARTITIONS


def judge(name, found, count):
    """`found` has the numbers read, by partition in order of offsets. An idempotent producer writes each
    once and in order; others may write one again that was not answered."""
    for partition in range(PARTITIONS):
        wanted = list(range(partition, count, PARTITIONS))
        got = found.get(partition, [])
        if name == IDEMPOTENT:
            same(got, wanted, f"records of partition {partition} of {name}")
        else:
            lost = sorted(set(wanted) - set(got))
            holds(not lost, f"partition {partition} of {name} lacks {lost[:20]}, {len(lost)} in all")


def complete(found, count):
    return sum(len(set(numbers)) for numbers in found.values()) >= count
