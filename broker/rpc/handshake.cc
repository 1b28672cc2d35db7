#include "broker/rpc/handshake.h"

#include <algorithm>
#include <string>

#include "protocol/base/assertion.h"

namespace strandline {
namespace {

std::string node(const RpcIdentity& id) { return "node " + std::to_string(id.node_id.value()); }

std::string range(std::uint32_t first, std::uint32_t last) {
  return std::to_string(first) + " to " + std::to_string(last);
}

bool overlap(std::uint32_t first_a, std::uint32_t last_a, std::uint32_t first_b,
             std::uint32_t last_b) {
  return first_a <= last_b && first_b <= last_a;
}

std::optional<RpcRefusal> check_protocol(std::uint32_t first, std::uint32_t last) {
  if (overlap(first, last, kRpcProtocolMin, kRpcProtocolMax)) return std::nullopt;
  return RpcRefusal{RefusalReason::protocol,
                    "it speaks rpc protocol versions " + range(first, last) + ", this broker " +
                        range(kRpcProtocolMin, kRpcProtocolMax) +
                        ": upgrade the older of the two to a version in between first"};
}

// What must hold between any two brokers, seen from `self`.
std::optional<RpcRefusal> check_pair(const RpcIdentity& peer, const RpcIdentity& self) {
  // A side without a cluster wants to join one; the hook decides about that.
  const bool clusters_known = !peer.cluster_id.is_zero() && !self.cluster_id.is_zero();
  if (clusters_known && peer.cluster_id != self.cluster_id) {
    return RpcRefusal{RefusalReason::cluster,
                      node(peer) + " belongs to cluster " + to_text(peer.cluster_id) + ", " +
                          node(self) + " to " + to_text(self.cluster_id) +
                          ": correct the address it was given, or its data directory"};
  }
  if (peer.node_id == self.node_id && peer.directory_id != self.directory_id) {
    return RpcRefusal{RefusalReason::node_id,
                      "two brokers are " + node(self) + ", with directories " +
                          to_text(peer.directory_id) + " and " + to_text(self.directory_id) +
                          ": give one of them another node.id"};
  }
  if (!overlap(peer.feature_level_min, peer.feature_level_max, self.feature_level_min,
               self.feature_level_max)) {
    return RpcRefusal{RefusalReason::feature_level,
                      node(peer) + " works at feature levels " +
                          range(peer.feature_level_min, peer.feature_level_max) + ", " +
                          node(self) + " at " +
                          range(self.feature_level_min, self.feature_level_max) +
                          ": upgrade the older of the two"};
  }
  return std::nullopt;
}

// Whether `found` is who was expected at its address.
std::optional<RpcRefusal> check_expected(const RpcHello& hello, const RpcIdentity& found) {
  if (hello.expected_node != kNoBroker && hello.expected_node != found.node_id) {
    return RpcRefusal{RefusalReason::address,
                      "node " + std::to_string(hello.expected_node.value()) +
                          " was expected at this address, here is " + node(found) +
                          ": correct the address of one of them"};
  }
  if (!hello.expected_directory.is_zero() && hello.expected_directory != found.directory_id) {
    return RpcRefusal{RefusalReason::directory,
                      node(found) + " was expected with directory " +
                          to_text(hello.expected_directory) + ", it has " +
                          to_text(found.directory_id) +
                          ": its disk was wiped or replaced; it has to be registered anew"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<RpcRefusal> check_hello(const RpcHello& hello, const RpcIdentity& self) {
  if (auto refusal = check_protocol(hello.protocol_min, hello.protocol_max)) return refusal;
  // Before anything else about the pair: a wrong address explains what else is wrong.
  if (auto refusal = check_expected(hello, self)) return refusal;
  return check_pair(hello.self, self);
}

std::optional<RpcRefusal> check_hello_reply(const RpcHelloReply& reply, const RpcHello& hello) {
  if (auto refusal = check_protocol(reply.protocol, reply.protocol)) return refusal;
  if (auto refusal = check_expected(hello, reply.self)) return refusal;
  return check_pair(reply.self, hello.self);
}

std::uint32_t common_protocol(const RpcHello& hello) {
  const std::uint32_t version = std::min(hello.protocol_max, kRpcProtocolMax);
  STRANDLINE_ASSERT(version >= kRpcProtocolMin && version >= hello.protocol_min);
  return version;
}

RpcRefusal refuse_unknown_node(const RpcIdentity& peer) {
  return {RefusalReason::unknown_node,
          node(peer) + " is not known to the cluster: register it before, or correct its node.id"};
}

RpcRefusal refuse_directory(const RpcIdentity& peer, const Uuid& known_directory) {
  return {RefusalReason::directory,
          node(peer) + " is known with directory " + to_text(known_directory) + ", it has " +
              to_text(peer.directory_id) +
              ": start it with the data directory it had, or register it anew if that is lost"};
}

RpcRefusal refuse_incarnation(const RpcIdentity& peer) {
  return {RefusalReason::incarnation,
          "a later start of " + node(peer) + " is known: this process was replaced, end it"};
}

RpcRefusal refuse_lane(const RpcIdentity& self, std::uint32_t lane, std::uint32_t lanes) {
  return {RefusalReason::lane,
          node(self) + " has lanes " + range(0, lanes - 1) + ", lane " + std::to_string(lane) +
              " was asked for: it was started with another number of shards, which the cluster "
              "will know soon"};
}

RpcRefusal refuse_not_ready(const RpcIdentity& self) {
  return {RefusalReason::not_ready, node(self) + " is starting or stopping: try again soon"};
}

}  // namespace strandline
