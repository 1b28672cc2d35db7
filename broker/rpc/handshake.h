// Whether two brokers belong together. What is checked here holds for every connection; whether the
// other side is a member of the cluster, with the data directory it is known by, is for the hooks
// of RpcServer and RpcPeer, which find the words for their refusals here, too.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/proto/rpc_messages.h"

namespace strandline {

// What the side that was connected to checks, with `self` at that address.
std::optional<RpcRefusal> check_hello(const RpcHello& hello, const RpcIdentity& self);

// What the side that connected checks of an answer that is no refusal. `hello` is what it sent.
std::optional<RpcRefusal> check_hello_reply(const RpcHelloReply& reply, const RpcHello& hello);

// The highest protocol version that both speak. Needs check_hello() to have found nothing.
std::uint32_t common_protocol(const RpcHello& hello);

// For the hooks.
RpcRefusal refuse_unknown_node(const RpcIdentity& peer);
RpcRefusal refuse_directory(const RpcIdentity& peer, const Uuid& known_directory);
RpcRefusal refuse_incarnation(const RpcIdentity& peer);
RpcRefusal refuse_not_ready(const RpcIdentity& self);
// lanes   how many loops `self` has, the control loop among them
RpcRefusal refuse_lane(const RpcIdentity& self, std::uint32_t lane, std::uint32_t lanes);

}  // namespace strandline
