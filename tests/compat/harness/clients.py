"""The clients, how each is fetched and started, and how long its checks may take at most."""

import os
from dataclasses import dataclass
from typing import Callable

from harness import deps

HERE = deps.HERE
PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Client:
    name: str
    prepare: Callable[[], tuple]  # gives (command, extra environment)
    seconds_max: int = 120


def _python(script, packages=None):
    def prepare():
        extra = {}
        if packages:
            extra["PYTHONPATH"] = deps.python_packages(packages) + os.pathsep + HERE
        return [PYTHON, os.path.join(HERE, "clients", script)], extra

    return prepare


def _java(program):
    folder = os.path.join(HERE, "java")
    sources = sorted(
        os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".java")
    )
    classes = deps.java_classes("java-checks", sources)
    classpath = classes + os.pathsep + deps.java_classpath()
    # One JVM for all checks; the first compiler tier is enough for programs that live for seconds.
    return [
        "java",
        "-Xmx512m",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        classpath,
        program,
    ], {}


def _node(name, script="checks.js"):
    def prepare():
        modules = deps.node_modules(name)
        return ["node", os.path.join(HERE, name, script)], {"NODE_PATH": modules}

    return prepare


def _librdkafka():
    source = os.path.join(HERE, "librdkafka", "checks.cc")
    return [deps.cxx_program("librdkafka_checks", [source], ["rdkafka++", "rdkafka"])], {}


ALL = [
    Client("kcat", _python("kcat_checks.py")),
    Client("confluent-kafka", _python("confluent_checks.py")),
    Client("confluent-kafka-2", _python("confluent_checks.py", "confluent_2")),
    Client("kafka-python", _python("kafka_python_checks.py")),
    Client("kafka-python-3", _python("kafka_python_checks.py", "kafka_python_3")),
    Client("kafkajs", _node("kafkajs")),
    Client("librdkafka", _librdkafka),
    Client("java", lambda: _java("Checks"), seconds_max=240),
]

# While brokers are killed: each family, in its oldest and newest version. Not kcat: it ends by itself as
# soon as librdkafka counts all connections as down, those among them that it has no need to make again.
HURT = [
    Client("confluent-kafka", _python("confluent_hurt.py")),
    Client("confluent-kafka-2", _python("confluent_hurt.py", "confluent_2")),
    Client("kafka-python", _python("kafka_python_hurt.py")),
    Client("kafka-python-3", _python("kafka_python_hurt.py", "kafka_python_3")),
    Client("kafkajs", _node("kafkajs", "hurt.js")),
    Client("java", lambda: _java("Hurt")),
]
