"""That a setting does something: each one, and each topic config, is read where it would take effect."""

import re

import tree

SETTINGS = "broker/config/settings.def"
TOPIC_CONFIGS = "replication/metadata/topic_config.h"
# Accepted and shown because Kafka's tools set them, with nothing yet that they could change.
NOT_YET = {
    "delete_retention_ms": "compaction",
    "min_cleanable_dirty_ratio": "compaction",
    "unclean_leader_election_enable": "elections among replicas",
}


def code(*but):
    """The C++ sources that run in a broker, without those below the given paths."""
    return [path for path in tree.with_suffix(".h", ".cc")
            if path.startswith(("broker/", "replication/", "storage/")) and not path.startswith(but)]


def is_read(pattern, paths):
    word = re.compile(pattern)
    return any(word.search(tree.text(path)) for path in paths)


def check_settings():
    """each setting is read by the broker"""
    outside = code("broker/config/")
    # Those that may change while the broker runs are read by their keys.
    stems = {path.rsplit(".", 1)[0] for path in outside if "live_number(" in tree.text(path)}
    live = [path for path in outside if path.rsplit(".", 1)[0] in stems]
    members = re.findall(r'^SETTING\(\s*[\w:]+,\s*(\w+),\s*"([\w.]+)"', tree.text(SETTINGS), re.MULTILINE)
    if not members:
        yield f"{SETTINGS}: no setting was found"
    for member, key in members:
        if is_read(rf'"{re.escape(key)}"', live):
            continue
        # By way of an object of that name: "data" alone is a member of much else.
        if not is_read(rf"settings(?:_|\(\))?\.{member}\b", outside):
            yield f"{SETTINGS}: {member} is read nowhere: apply or remove it"


def check_topic_configs():
    """each topic config is read where it takes effect"""
    outside = code("replication/metadata/topic_config")
    struct = re.search(r"^struct TopicConfig \{$(.*?)^\};$", tree.text(TOPIC_CONFIGS), re.MULTILINE | re.DOTALL)
    members = re.findall(r"^  [\w:]+ (\w+) = ", struct[1], re.MULTILINE) if struct else []
    if not members:
        yield f"{TOPIC_CONFIGS}: no topic config was found"
    for member in members:
        read = is_read(rf"(?:\.|->){member}\b", outside)
        if not read and member not in NOT_YET:
            yield f"{TOPIC_CONFIGS}: {member} is read nowhere: apply or remove it"
        if read and member in NOT_YET:
            yield f"tests/tidy/applied.py: {member} is read now: it is no exception any more"


CHECKS = [check_settings, check_topic_configs]
