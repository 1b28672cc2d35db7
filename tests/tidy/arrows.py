"""Includes point one way, cores stay free of the world, and heavy headers stay where they are."""

import collections

import tree

# Who may include whom, by the first folder of a path.
SEES = {
    "protocol": {"protocol"},
    "storage": {"protocol", "storage"},
    "replication": {"protocol", "storage", "replication"},
    "broker": {"protocol", "storage", "replication", "broker"},
    "client": {"protocol", "client"},
    "tools": {"protocol", "storage", "client", "tools"},
    "tests": {"protocol", "storage", "replication", "broker", "client", "tools", "tests"},
    "benchmarks": {"protocol", "storage", "replication", "broker", "client", "tools", "benchmarks"},
}

# What decides has no thread, lock, clock, socket, file or chance of its own.
CORES = ("protocol/", "replication/", "broker/group/", "client/core/", "client/window/")
WORLD = ("thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "latch",
         "fstream", "iostream", "filesystem", "random", "unistd.h", "fcntl.h", "poll.h", "pthread.h",
         "netdb.h", "sys/socket.h", "sys/mman.h", "sys/stat.h", "sys/epoll.h", "arpa/inet.h", "boost/asio")

# Headers that cost seconds in every file that sees them: the files at most that may.
FILES_MAX = {"boost/beast": 3, "spdlog/": 3}
NOT_AT_ALL = {
    "boost/outcome.hpp": "doubles the compile time: protocol/base/result.h includes what is needed",
    "boost/outcome/result.hpp": "doubles the compile time: use protocol/base/result.h",
    "boost/outcome/outcome.hpp": "doubles the compile time: use protocol/base/result.h",
    "boost/asio.hpp": "takes all of Asio: include the parts",
    "boost/beast.hpp": "takes all of Beast: include the parts",
}


# The load generator is a neutral client: it is compiled apart and shares nothing with the tree.
APART = ("benchmarks/macro/load/",)


def sources():
    return [path for path in tree.with_suffix(".h", ".cc")
            if path.split("/")[0] in SEES and not path.startswith(APART)]


def check_arrows():
    """#include paths start at the root and follow the layers"""
    for path in sources():
        layer = path.split("/")[0]
        for line, ours, _ in tree.includes(path):
            if not ours or ours.endswith(".pb.h"):
                continue  # generated ones have a check of their own
            target = ours.split("/")[0]
            if target not in SEES or ".." in ours.split("/"):
                yield f'{path}:{line}: "{ours}": write the path from the root of the repository'
            elif target not in SEES[layer]:
                yield f'{path}:{line}: "{ours}": {layer} may include {", ".join(sorted(SEES[layer]))}'


def check_generated():
    """Protobuf's generated headers stay in protocol/proto and in the sources named as codecs"""
    for path in sources():
        for line, ours, system in tree.includes(path):
            is_codec = path.startswith("protocol/proto/") or path.endswith("_codec.cc")
            if (ours or system).endswith(".pb.h") and not is_codec:
                yield f"{path}:{line}: {ours or system}: use the structs of protocol/proto"


def check_cores():
    """cores include nothing that waits, opens or draws"""
    for path in sources():
        if not path.startswith(CORES):
            continue
        for line, _, system in tree.includes(path):
            if system and (system in WORLD or system.startswith("boost/asio/")):
                yield f"{path}:{line}: <{system}> in a core: let the shell pass it in"


def check_heavy():
    """heavy headers appear in few files, convenience headers in none"""
    users = collections.defaultdict(set)
    for path in sources():
        for line, _, system in tree.includes(path):
            if system in NOT_AT_ALL:
                yield f"{path}:{line}: <{system}> {NOT_AT_ALL[system]}"
            if system == "iostream" and path.endswith(".h"):
                yield f"{path}:{line}: <iostream> in a header: take <iosfwd> or move it to the .cc"
            if path.startswith("tests/"):
                continue
            for prefix in FILES_MAX:
                if system and system.startswith(prefix):
                    users[prefix].add(path)
    for prefix, paths in sorted(users.items()):
        if len(paths) > FILES_MAX[prefix]:
            yield f"<{prefix}...> in {len(paths)} files, at most {FILES_MAX[prefix]}: {', '.join(sorted(paths))}"


CHECKS = [check_arrows, check_generated, check_cores, check_heavy]
