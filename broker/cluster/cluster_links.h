// The connections that carry what brokers say to each other about the cluster: votes and metadata,
// and what they ask of the controller. Each broker connects to the voters, and to those it was told
// to join; others it answers over the connections that they opened.
//
// Thread   the loop of its context
// Owns     the listening socket and every connection of this kind
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "broker/controller/controller_messages.h"
#include "broker/rpc/rpc_peer.h"
#include "broker/rpc/rpc_server.h"
#include "replication/quorum/quorum_codec.h"

namespace strandline {

class ClusterLinks {
 public:
  using Respond = std::function<void(ControllerOutcome)>;

  struct Hooks {
    // Takes a connection for another lane than this one.
    std::function<void(int native_handle, const RpcHello&)> hand_over;
    // Whether that broker may connect; unset: any may.
    std::function<std::optional<RpcRefusal>(const RpcHello&)> admit;
    std::function<void(const QuorumMessage&)> on_message;
    // A broker asks; `respond` is called once, on the loop.
    std::function<void(const RpcIdentity& from, ControllerRequest, Respond respond)> on_request;
    // A connection that this side opened is up.
    std::function<void(const RpcIdentity&)> on_connected;
    // The last connection to or from a broker is gone.
    std::function<void(BrokerId)> on_lost;
  };

  // Whom to keep a connection to.
  struct Target {
    HostPort address;
    BrokerId node = kNoBroker;  // kNoBroker: whoever is there
    friend auto operator<=>(const Target&, const Target&) = default;
  };

  // context   outlives it
  // lanes     how many loops of this broker serve others, this one included
  ClusterLinks(RpcContext& context, std::uint32_t lanes, Hooks hooks);
  ~ClusterLinks();

  // Errors   any resolver or socket code
  Result<boost::asio::ip::tcp::endpoint> listen(const std::string& host, std::uint16_t port);

  // Connects to those that are new, and drops those that are not among them any more.
  void set_targets(const std::set<Target>& targets);

  // To that replica, if there is a connection; else it is lost, as messages may be.
  void send(const ReplicaKey& to, const QuorumMessage& message);
  // To all we are connected to.
  void send_to_all(const QuorumMessage& message);

  // Errors   as RpcAnswer; rpc_not_connected   there is no connection to that broker
  void call(BrokerId to, ControllerRequest request, Duration time_max, Respond done);

  // Who is at the other end of the connections we opened, as they say now: a broker that has
  // joined no cluster yet may have done so since the connection was made.
  void ask_identities(std::function<void(const RpcIdentity&)> heard);
  std::size_t connected() const;
  // Whether there is any connection to or from that broker.
  bool is_connected(BrokerId node) const;

  void close();

 private:
  using Link = std::shared_ptr<RpcPeer>;

  void receive(RpcMessage message);
  void serve(RpcRequest request);
  void lost(const RpcIdentity& peer);
  RpcPeer* peer_to(BrokerId node) const;
  RpcChannel* channel_to(const ReplicaKey& to) const;

  RpcContext& context_;
  Hooks hooks_;
  RpcHandlers handlers_;
  std::unique_ptr<RpcServer> server_;
  std::map<Target, Link> links_;
  std::vector<RpcChannel*> accepted_;
  std::uint64_t seed_ = 0;
};

}  // namespace strandline
