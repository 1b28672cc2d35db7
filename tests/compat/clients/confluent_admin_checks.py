"""Administration with confluent-kafka; confluent_checks.py runs these with its own."""

import time

import confluent_kafka as ck
from confluent_kafka.admin import ConfigResource, NewPartitions, NewTopic

from clients.confluent_client import HOUR, WAIT, admin, error_of, make, reader, write
from harness.checks import BOOTSTRAP, check, holds, same, settled, topic


@check("list_topics: a created topic is there at once, with its partitions, leaders and replicas")
def _metadata():
    name = make("metadata", 3)
    cluster = admin.list_topics(timeout=WAIT)
    [broker] = cluster.brokers.values()
    same(f"{broker.host}:{broker.port}", BOOTSTRAP, "broker")
    same(cluster.controller_id in cluster.brokers, True, "controller among the brokers")
    holds(cluster.cluster_id, "no cluster id")
    partitions = cluster.topics[name].partitions
    same(sorted(partitions), [0, 1, 2], "partitions")
    for partition in partitions.values():
        same(
            (partition.leader, partition.replicas, partition.isrs),
            (broker.id, [broker.id], [broker.id]),
        )


@check("create_topics: each mistake gets Kafka's error code and creates nothing")
def _create_errors():
    name = make("exists")

    def create(new_name, partitions=1, replicas=1, config=None, **options):
        new = NewTopic(
            new_name, num_partitions=partitions, replication_factor=replicas, config=config or {}
        )
        return error_of(admin.create_topics([new], operation_timeout=WAIT, **options))

    same(create(name), ck.KafkaError.TOPIC_ALREADY_EXISTS, "existing topic")
    same(create(topic("bad name!")), ck.KafkaError.TOPIC_EXCEPTION, "name with a blank")
    same(create(topic("x" * 250)), ck.KafkaError.TOPIC_EXCEPTION, "name too long")
    same(create(topic("bad"), partitions=0), ck.KafkaError.INVALID_PARTITIONS, "no partitions")
    same(
        create(topic("bad"), replicas=3),
        ck.KafkaError.INVALID_REPLICATION_FACTOR,
        "3 replicas on 1 broker",
    )
    same(
        create(topic("bad"), config={"no.such.key": "1"}),
        ck.KafkaError.INVALID_CONFIG,
        "unknown config",
    )
    same(
        create(topic("bad"), config={"retention.ms": "soon"}),
        ck.KafkaError.INVALID_CONFIG,
        "bad value",
    )
    same(create(topic("bad"), validate_only=True), 0, "validate_only")
    names = admin.list_topics(timeout=WAIT).topics
    same(
        [n for n in names if n.startswith(topic("bad")) or n == topic("x" * 250)],
        [],
        "created all the same",
    )


@check("delete_topics: gone at once, unknown afterwards, and empty when made again")
def _delete():
    name = make("delete")
    write(name, [(None, b"old", 0, 0)])
    same(error_of(admin.delete_topics([name], operation_timeout=WAIT)), 0, "deleting")
    settled(lambda: name not in admin.list_topics(timeout=WAIT).topics)
    same(
        error_of(admin.delete_topics([name])), ck.KafkaError.UNKNOWN_TOPIC_OR_PART, "deleting again"
    )
    make("delete")
    consumer = reader()
    same(
        consumer.get_watermark_offsets(ck.TopicPartition(name, 0), WAIT),
        (0, 0),
        "ends of the new one",
    )
    [message] = write(name, [(None, b"new", 0, 0)])
    same(message.offset(), 0, "first offset of the new one")
    consumer.close()


@check("delete_topics: a topic may go while its records are on their way to the disk")
def _delete_under_load():
    payload = b"x" * 1000
    for n in range(8):
        name = make(f"delete-under-load-{n}", 2)
        write(name, [(None, payload, 0, at % 2) for at in range(10000)], **{"acks": "1"})
        same(error_of(admin.delete_topics([name], operation_timeout=WAIT)), 0, "deleting")
    name = make("after-deletions")
    same([m.offset() for m in write(name, [(None, b"fine", 0, 0)])], [0], "offsets")


@check("create_partitions: grows and the new ones can be used, never shrinks")
def _partitions():
    name = make("grow", 1)
    same(
        error_of(admin.create_partitions([NewPartitions(name, 4)], operation_timeout=WAIT)),
        0,
        "to 4",
    )
    settled(lambda: len(admin.list_topics(timeout=WAIT).topics[name].partitions) == 4)
    same(
        [m.offset() for m in write(name, [(None, b"x", 0, p) for p in range(4)])],
        [0] * 4,
        "offsets",
    )
    for count in (4, 2):
        code = error_of(admin.create_partitions([NewPartitions(name, count)]))
        same(code, ck.KafkaError.INVALID_PARTITIONS, f"to {count}")
    code = error_of(admin.create_partitions([NewPartitions(topic("nobody"), 2)]))
    same(code, ck.KafkaError.UNKNOWN_TOPIC_OR_PART, "unknown topic")


def configs(kind, name):
    [future] = admin.describe_configs([ConfigResource(kind, name)]).values()
    return future.result(WAIT)


@check("describe_configs: topic settings with Kafka's names, defaults and sources")
def _describe():
    name = make("describe", config={"retention.ms": "12345678", "max.message.bytes": "70000"})
    found = configs("topic", name)
    expected = {
        "retention.ms": "12345678",
        "max.message.bytes": "70000",
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "segment.bytes": "1073741824",
        "retention.bytes": "-1",
        "message.timestamp.type": "CreateTime",
        "segment.ms": "604800000",
        "message.timestamp.after.max.ms": "3600000",
        "index.interval.bytes": "4096",
        "delete.retention.ms": "86400000",
        "unclean.leader.election.enable": "false",
    }
    same({key: found[key].value for key in expected if key in found}, expected, "values")
    own = {key for key, entry in found.items() if not entry.is_default}
    same(
        own & set(expected), {"retention.ms", "max.message.bytes"}, "settings that are not defaults"
    )
    same(found["retention.ms"].source, 1, "source of a topic's own setting")
    same(found["segment.ms"].source, 5, "source of a default")
    holds(
        not any(entry.is_sensitive or entry.is_read_only for entry in found.values()),
        "writable, public",
    )


@check("describe_configs: the broker lists its own settings; an unknown topic is an error")
def _describe_broker():
    [broker] = admin.list_topics(timeout=WAIT).brokers
    found = configs("broker", str(broker))
    holds(len(found) >= 10, f"only {len(found)} settings")
    for key in (
        "auto.create.topics.enable",
        "num.partitions",
        "default.replication.factor",
        "socket.request.max.bytes",
        "log.retention.ms",
        "log.segment.bytes",
        "log.cleanup.policy",
        "message.max.bytes",
        "log.dirs",
        "listeners",
    ):
        holds(key in found, f"{key} is missing among {sorted(found)}")
    holds(found["log.dirs"].is_read_only, "log.dirs can be changed")
    holds(not found["log.retention.ms"].is_read_only, "log.retention.ms cannot be changed")
    code = error_of(admin.describe_configs([ConfigResource("topic", topic("nobody"))]))
    same(code, ck.KafkaError.UNKNOWN_TOPIC_OR_PART, "unknown topic")


@check("alter_configs: sets what is given, resets what is not, refuses what is wrong")
def _alter():
    name = make("alter", config={"retention.ms": "1000000"})

    def alter(**settings):
        resource = ConfigResource("topic", name)
        for key, value in settings.items():
            resource.set_config(key.replace("_", "."), value)
        return error_of(admin.alter_configs([resource]))

    same(alter(segment_ms="3600000"), 0, "setting segment.ms")
    settled(lambda: configs("topic", name)["segment.ms"].value == "3600000")
    found = configs("topic", name)
    same((found["segment.ms"].value, found["segment.ms"].source), ("3600000", 1), "segment.ms")
    same(
        (found["retention.ms"].value, found["retention.ms"].source),
        ("604800000", 5),
        "retention.ms",
    )
    same(alter(no_such_key="1"), ck.KafkaError.INVALID_CONFIG, "unknown key")
    same(alter(segment_ms="never"), ck.KafkaError.INVALID_CONFIG, "bad value")
    same(configs("topic", name)["segment.ms"].value, "3600000", "segment.ms after the mistakes")


if hasattr(ck.admin, "AlterConfigOpType"):

    @check("incremental_alter_configs: changes one setting and leaves the others alone")
    def _incremental():
        name = make("incremental", config={"retention.ms": "1000000"})
        operations = [
            ck.admin.ConfigEntry(
                "segment.ms", "3600000", incremental_operation=ck.admin.AlterConfigOpType.SET
            ),
            ck.admin.ConfigEntry(
                "cleanup.policy", "compact", incremental_operation=ck.admin.AlterConfigOpType.APPEND
            ),
        ]
        resource = ConfigResource("topic", name, incremental_configs=operations)
        same(error_of(admin.incremental_alter_configs([resource])), 0, "altering")
        settled(lambda: configs("topic", name)["segment.ms"].value == "3600000")
        found = configs("topic", name)
        same(found["retention.ms"].value, "1000000", "retention.ms")
        same(found["cleanup.policy"].value, "delete,compact", "cleanup.policy")

    @check("describe_topics and describe_cluster agree with list_topics")
    def _describe_topics():
        name = make("describe-topics", 2)
        [future] = admin.describe_topics(ck.TopicCollection([name])).values()
        found = future.result(WAIT)
        same([part.id for part in found.partitions], [0, 1], "partitions")
        holds(str(found.topic_id) != str(ck.Uuid(0, 0)), "no topic id")
        cluster = admin.describe_cluster().result(WAIT)
        same([f"{node.host}:{node.port}" for node in cluster.nodes], [BOOTSTRAP], "nodes")
        same(cluster.cluster_id, admin.list_topics(timeout=WAIT).cluster_id, "cluster id")

    @check("list_offsets: first, last, greatest time and by time")
    def _list_offsets():
        name, base = make("list-offsets"), int(time.time() * 1000) - HOUR
        write(name, [(None, b"x", base + 1000 * n, 0) for n in (0, 5, 2, 3)])
        spec = ck.admin.OffsetSpec

        def ask(which):
            [future] = admin.list_offsets({ck.TopicPartition(name, 0): which}).values()
            return future.result(WAIT).offset

        same(ask(spec.earliest()), 0, "earliest")
        same(ask(spec.latest()), 4, "latest")
        same(ask(spec.max_timestamp()), 1, "greatest time")
        same(ask(spec.for_timestamp(base + 1)), 1, "by time")

    @check("delete_records: the log starts where it was told, and reads before it are out of range")
    def _delete_records():
        name = make("delete-records")
        write(name, [(None, b"%d" % n, 0, 0) for n in range(10)])
        [future] = admin.delete_records([ck.TopicPartition(name, 0, 6)]).values()
        same(future.result(WAIT).low_watermark, 6, "low watermark")
        consumer = reader()
        same(consumer.get_watermark_offsets(ck.TopicPartition(name, 0), WAIT), (6, 10), "ends")
        consumer.close()
        [future] = admin.delete_records([ck.TopicPartition(name, 0, 11)]).values()
        try:
            future.result(WAIT)
            raise AssertionError("deleting beyond the end was accepted")
        except ck.KafkaException as error:
            same(error.args[0].code(), ck.KafkaError.OFFSET_OUT_OF_RANGE, "beyond the end")
