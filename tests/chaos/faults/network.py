"""What happens to packets. A cut drops them silently: both ends believe in their connections."""

from harness.world import CLIENT, NODES


def _host(node):
    return f"b{node}"


def _hosts(nodes):
    return [_host(node) for node in nodes]


def _for_a_while(world):
    """Shorter and longer than sessions and than clients are willing to wait."""
    world.hold(*world.prng.choice(((0.5, 1.5), (3, 8))))
    world.network.heal()


def _cut_off(world, node, what):
    """From the other brokers; clients still reach it."""
    world.note(f"broker {node}, {what}, is cut off from the others")
    world.network.cut([_host(node)], _hosts(world.others(node)))
    _for_a_while(world)


def partition_leader(world):
    _cut_off(world, world.leader(), "a leader")


def partition_controller(world):
    _cut_off(world, world.controller(), "the controller")


def isolate(world):
    node = world.leader()
    world.note(f"broker {node}, a leader, is cut off from brokers and clients")
    world.network.isolate(_host(node))
    _for_a_while(world)


def one_way(world):
    node, other = world.prng.sample(NODES, 2)
    if world.prng.random() < 0.5:
        node = world.prng.choice((world.leader(), world.controller()))
        others = world.others(node)
        world.note(f"nothing of broker {node} reaches brokers {others}; it hears them")
    else:
        others = [other]
        world.note(f"nothing of broker {node} reaches broker {other}, which reaches it")
    world.network.drop(*[(_host(node), _host(each)) for each in others])
    _for_a_while(world)


def deaf(world):
    node = world.prng.choice((world.leader(), world.controller()))
    world.note(f"broker {node} hears none of the others; they hear it")
    world.network.drop(*[(_host(other), _host(node)) for other in world.others(node)])
    _for_a_while(world)


def bridge(world):
    middle = world.prng.choice(NODES)
    one, other = world.others(middle)
    world.note(f"brokers {one} and {other} do not reach each other; both reach broker {middle}")
    world.network.cut([_host(one)], [_host(other)])
    _for_a_while(world)


def all_apart(world):
    world.note("no broker reaches another")
    for node in NODES:
        world.network.cut([_host(node)], _hosts(each for each in NODES if each > node))
    _for_a_while(world)


def clients_cut(world):
    node = world.leader()
    world.note(f"clients do not reach broker {node}, a leader")
    world.network.cut([CLIENT], [_host(node)])
    _for_a_while(world)


def flapping(world):
    """A link that comes and goes, faster than anything can settle."""
    node = world.leader()
    world.note(f"broker {node}, a leader, is cut off and back ten times")
    for _ in range(10):
        world.network.cut([_host(node)], _hosts(world.others(node)))
        world.hold(0.05, 0.8)
        world.network.heal()
        world.hold(0.05, 0.5)


def _all_links(world):
    hosts = world.network.hosts
    return [(a, b) for a in hosts for b in hosts if a != b]


def loss(world):
    percent = world.prng.choice((1, 5, 20))
    world.note(f"{percent} % of all packets are lost")
    world.network.lose(percent, *_all_links(world))
    world.hold(3, 6)
    world.network.heal()


def duplicates(world):
    world.note("half of all packets arrive twice")
    world.network.double(50, *_all_links(world))
    world.hold(2, 5)
    world.network.heal()


def slow_link(world):
    node = world.prng.choice(NODES)
    megabits = world.prng.choice((1, 2))
    world.note(f"broker {node} gets {megabits} Mbit/s")
    world.network.slow(_host(node), megabits)
    world.hold(3, 6)
    world.network.heal()


def reset(world):
    """Connections end by force, over and over."""
    world.note("connections between brokers and of clients are reset, ten times")
    for _ in range(10):
        a, b = world.prng.sample(world.network.hosts, 2)
        world.network.reset(a, b)
        world.hold(0.05, 0.5)


KINDS = {
    "partition-leader": partition_leader,
    "partition-controller": partition_controller,
    "isolate": isolate,
    "one-way": one_way,
    "deaf": deaf,
    "bridge": bridge,
    "all-apart": all_apart,
    "clients-cut": clients_cut,
    "flapping": flapping,
    "loss": loss,
    "duplicates": duplicates,
    "slow-link": slow_link,
    "reset": reset,
}
