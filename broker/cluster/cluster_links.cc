#include "broker/cluster/cluster_links.h"

#include <algorithm>
#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

// Who a broker is now: asked over a connection, answered with an RpcHelloReply.
constexpr rpc::Method kIdentityMethod{2};

constexpr Duration kIdentityWait = std::chrono::milliseconds{500};

OutputPiece piece_of(std::shared_ptr<const std::vector<std::byte>> bytes) {
  const ByteView view{*bytes};
  return MemoryPiece{std::move(bytes), view};
}

RpcPayload payload_of(ControllerFrame frame) {
  RpcPayload payload{.message = std::move(frame.message), .attachments = {}};
  if (!frame.attachment.empty()) {
    payload.attachments.push_back(
        piece_of(std::make_shared<const std::vector<std::byte>>(std::move(frame.attachment))));
  }
  return payload;
}

RpcPayload payload_of(QuorumFrame frame) {
  RpcPayload payload{.message = std::move(frame.message), .attachments = {}};
  for (auto& bytes : frame.attachments) payload.attachments.push_back(piece_of(std::move(bytes)));
  return payload;
}

}  // namespace

ClusterLinks::ClusterLinks(RpcContext& context, std::uint32_t lanes, Hooks hooks)
    : context_(context), hooks_(std::move(hooks)) {
  handlers_.on_message(kQuorumMethod,
                       [this](RpcChannel&, RpcMessage message) { receive(std::move(message)); });
  handlers_.on_request(kControllerMethod,
                       [this](RpcRequest request) { serve(std::move(request)); });
  handlers_.on_request(kIdentityMethod, [this](RpcRequest request) {
    request.answer({.message = encode_rpc_hello_reply(
                        {.self = context_.self, .protocol = kRpcProtocolMax, .refusal = {}}),
                    .attachments = {}});
  });
  server_ = std::make_unique<RpcServer>(
      context_, handlers_, RpcServerOptions{.lane = kControlLane, .lanes = lanes},
      RpcServer::Hooks{.admit = [this](const RpcHello& hello) -> std::optional<RpcRefusal> {
                         return hooks_.admit ? hooks_.admit(hello) : std::nullopt;
                       },
                       .on_up = [this](RpcChannel& channel) { accepted_.push_back(&channel); },
                       .on_down =
                           [this](RpcChannel& channel, RpcClose, ErrorCode) {
                             std::erase(accepted_, &channel);
                             lost(channel.peer());
                           },
                       .hand_over = hooks_.hand_over});
}

ClusterLinks::~ClusterLinks() { close(); }

Result<boost::asio::ip::tcp::endpoint> ClusterLinks::listen(const std::string& host,
                                                            std::uint16_t port) {
  return server_->listen(host, port);
}

void ClusterLinks::set_targets(const std::set<Target>& targets) {
  for (auto at = links_.begin(); at != links_.end();) {
    if (targets.contains(at->first)) {
      ++at;
      continue;
    }
    at->second->stop();
    at = links_.erase(at);
  }
  for (const Target& target : targets) {
    if (links_.contains(target)) continue;
    auto link = RpcPeer::make(
        context_, handlers_,
        {.address = target.address, .expected_node = target.node, .seed = ++seed_},
        {.verify = {},
         .on_up = [this](RpcChannel& channel) { hooks_.on_connected(channel.peer()); },
         .on_down = [this](const RpcIdentity& peer, RpcClose, ErrorCode) { lost(peer); }});
    link->start();
    links_.emplace(target, std::move(link));
  }
}

void ClusterLinks::receive(RpcMessage message) {
  auto received = decode_quorum_message(message.message(), message.attachments());
  if (!received) {
    log_limited(LogLevel::warn, "cluster", "malformed", "a message of the quorum does not decode",
                {{"error", received.error().message()}});
    return;
  }
  // From before this broker belonged to the cluster, or from a stranger to it.
  if (received.value().cluster_id != context_.self.cluster_id) return;
  hooks_.on_message(received.value().message);
}

void ClusterLinks::serve(RpcRequest request) {
  auto decoded = decode_controller_request(request.message(), request.received().attachments());
  if (!decoded) {
    const auto code = decoded.error() == make_error_code(Errc::unsupported_version)
                          ? Errc::unsupported_version
                          : Errc::malformed_frame;
    return request.fail(code, "the request does not decode");
  }
  const RpcIdentity from = request.channel().peer();
  auto shared = std::make_shared<RpcRequest>(std::move(request));
  hooks_.on_request(from, std::move(decoded).value(), [shared](ControllerOutcome outcome) {
    if (outcome.error) return shared->fail(errc_of(outcome.error), outcome.error_text);
    shared->answer(payload_of(encode_controller_reply(std::move(outcome.reply))));
  });
}

void ClusterLinks::lost(const RpcIdentity& peer) {
  if (!is_connected(peer.node_id)) hooks_.on_lost(peer.node_id);
}

bool ClusterLinks::is_connected(BrokerId node) const {
  const auto is_it = [&](const RpcChannel* channel) { return channel->peer().node_id == node; };
  return std::ranges::any_of(accepted_, is_it) || peer_to(node) != nullptr;
}

RpcPeer* ClusterLinks::peer_to(BrokerId node) const {
  for (const auto& [target, link] : links_) {
    const RpcChannel* channel = link->channel();
    if (channel != nullptr && channel->peer().node_id == node) return link.get();
  }
  return nullptr;
}

RpcChannel* ClusterLinks::channel_to(const ReplicaKey& to) const {
  const auto leads_there = [&](const RpcChannel* channel) {
    return channel != nullptr && channel->peer().node_id == to.node &&
           channel->peer().directory_id == to.directory;
  };
  for (const auto& [target, link] : links_) {
    if (leads_there(link->channel())) return link->channel();
  }
  // Of several the newest: the others may be broken, and nobody has noticed yet.
  const auto found = std::find_if(accepted_.rbegin(), accepted_.rend(), leads_there);
  return found == accepted_.rend() ? nullptr : *found;
}

void ClusterLinks::send(const ReplicaKey& to, const QuorumMessage& message) {
  RpcChannel* channel = channel_to(to);
  if (channel == nullptr) return;
  (void)channel->send(kQuorumMethod,
                      payload_of(encode_quorum_message(context_.self.cluster_id, message)));
}

void ClusterLinks::send_to_all(const QuorumMessage& message) {
  for (const auto& [target, link] : links_) {
    if (!link->is_up()) continue;
    (void)link->channel()->send(
        kQuorumMethod, payload_of(encode_quorum_message(context_.self.cluster_id, message)));
  }
}

void ClusterLinks::call(BrokerId to, ControllerRequest request, Duration time_max, Respond done) {
  RpcPeer* peer = peer_to(to);
  if (peer == nullptr) {
    return done({.error = make_error_code(Errc::rpc_not_connected), .error_text = {}, .reply = {}});
  }
  peer->call(kControllerMethod, payload_of(encode_controller_request(std::move(request))), time_max,
             [done = std::move(done)](RpcAnswer answer) {
               ControllerOutcome outcome{
                   .error = answer.error, .error_text = std::move(answer.error_text), .reply = {}};
               if (!outcome.error) {
                 auto reply = decode_controller_reply(answer.message.message(),
                                                      answer.message.attachments());
                 if (reply) {
                   outcome.reply = std::move(reply).value();
                 } else {
                   outcome.error = reply.error();
                 }
               }
               done(std::move(outcome));
             });
}

void ClusterLinks::ask_identities(std::function<void(const RpcIdentity&)> heard) {
  for (const auto& [target, link] : links_) {
    if (!link->is_up()) continue;
    link->call(kIdentityMethod, {}, kIdentityWait, [heard](RpcAnswer answer) {
      if (answer.error) return;
      const auto reply = decode_rpc_hello_reply(answer.message.message());
      if (reply) heard(reply.value().self);
    });
  }
}

std::size_t ClusterLinks::connected() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(links_, [](const auto& entry) { return entry.second->is_up(); }));
}

void ClusterLinks::close() {
  for (const auto& [target, link] : links_) link->stop();
  links_.clear();
  accepted_.clear();
  server_->close();
}

}  // namespace strandline
