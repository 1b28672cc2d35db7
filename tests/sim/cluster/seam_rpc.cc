// Connections between brokers, carried by the simulated network: takes the place of
// broker/rpc/rpc_channel.cc, rpc_channel_read.cc, rpc_peer_connect.cc and rpc_server.cc, and of
// broker/cluster/probe.cc. Frames are encoded and decoded as in production, and so is the
// handshake.
#include <array>
#include <boost/asio/error.hpp>
#include <utility>

#include "broker/cluster/probe.h"
#include "broker/net/listener.h"
#include "broker/rpc/rpc_peer.h"
#include "broker/rpc/rpc_server.h"
#include "broker/rpc/rpc_server_connection.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/rpc/frame_encoder.h"
#include "tests/sim/cluster/world.h"

namespace strandline {
using cluster_sim::Host;
using cluster_sim::Network;
using cluster_sim::World;

namespace {

Network& network() { return World::now_running().network(); }

Host& current_host() { return *World::now_running().current(); }

// The channel that is made next is the end of this connection.
int next_handle = -1;

}  // namespace

// --- a channel

RpcChannel::RpcChannel(RpcContext& context, boost::asio::ip::tcp::socket socket, Side side,
                       Owner owner)
    : context_(context),
      socket_(std::move(socket)),
      side_(side),
      owner_(std::move(owner)),
      address_("simulated"),
      frames_(std::in_place, context.buffers, context.limits.frames.frame_bytes_max()),
      decoder_(context.limits.frames) {}

void RpcChannel::start() {
  network().attach(std::exchange(next_handle, -1), shared_from_this(), [this](ByteView bytes) {
    Frame frame;
    frame.memory = context_.buffers.take(bytes.size());
    const MutableByteView here = frame.memory.bytes().first(bytes.size());
    std::ranges::copy(bytes, here.begin());
    frame.bytes = here.subspan(rpc::kLengthBytes);
    auto view = decoder_.decode(here);
    STRANDLINE_ASSERT(view && view.value());
    take_frame(std::move(frame), std::move(*view.value()));
  });
}

void RpcChannel::establish(const RpcIdentity& peer) {
  STRANDLINE_ASSERT(state_ == State::greeting);
  state_ = State::established;
  peer_ = peer;
}

void RpcChannel::close(RpcClose reason, ErrorCode error) {
  if (state_ == State::closed) return;
  const std::shared_ptr<RpcChannel> self = shared_from_this();
  state_ = State::closed;
  wait_for_room_.clear();
  context_.metrics.count_closed(reason);
  network().closed(*this);
  owner_.on_closed(reason, error);
}

int RpcChannel::give_away() {
  STRANDLINE_ASSERT(state_ == State::greeting);
  state_ = State::closed;
  return network().detach(*this);
}

Result<void> RpcChannel::send(rpc::Method method, RpcPayload payload) {
  if (state_ != State::established) return Errc::rpc_not_connected;
  const rpc::FrameHeader header{.kind = rpc::FrameKind::one_way, .method = method};
  return send_frame(header, std::move(payload), Bound::kept);
}

Result<void> RpcChannel::send_frame(const rpc::FrameHeader& header, RpcPayload payload, Bound) {
  if (state_ == State::closed || state_ == State::finishing) return Errc::rpc_not_connected;
  std::vector<std::uint64_t> lengths;
  for (const OutputPiece& piece : payload.attachments) lengths.push_back(size_bytes(piece));
  wire::ByteBuffer head;
  STRANDLINE_TRYV(rpc::encode_frame_head(header, as_bytes(payload.message), lengths,
                                         context_.limits.frames, head));
  auto frame = std::make_shared<std::vector<std::byte>>(head.view().begin(), head.view().end());
  for (const OutputPiece& piece : payload.attachments) {
    const ByteView bytes = std::get<MemoryPiece>(piece).bytes;
    frame->insert(frame->end(), bytes.begin(), bytes.end());
  }
  network().send(*this, std::move(frame), header.kind == rpc::FrameKind::one_way);
  return success();
}

void RpcChannel::when_room(Task task) {
  if (state_ != State::closed) context_.loop.post(std::move(task));
}

void RpcChannel::finish() {
  if (state_ != State::closed) state_ = State::finishing;
}

void RpcChannel::take_frame(Frame frame, rpc::FrameView view) {
  if (state_ == State::closed || state_ == State::finishing) return;
  RpcHold hold{shared_from_this(), view.frame_bytes};
  owner_.on_frame(RpcMessage{std::move(frame), std::move(view), std::move(hold)});
}

void RpcChannel::hold(std::uint64_t bytes) { held_bytes_ += bytes; }
void RpcChannel::release(std::uint64_t bytes) { held_bytes_ -= bytes; }

// --- how a peer connects

void RpcPeer::connect() {
  state_ = State::connecting;
  ++attempt_;
  refused_ = false;
  set_timer(options_.connect_max, &RpcPeer::connect_timed_out);
  const auto is_wanted = [weak = weak_from_this(),
                          attempt = attempt_]() -> std::shared_ptr<RpcPeer> {
    const auto self = weak.lock();
    return self == nullptr || self->attempt_ != attempt ? nullptr : self;
  };
  network().connect(
      current_host(), options_.address,
      [is_wanted](int handle) {
        const auto self = is_wanted();
        if (self == nullptr) return;
        next_handle = handle;
        self->connected();
      },
      [is_wanted] {
        if (const auto self = is_wanted()) {
          self->failed_to_connect(boost::asio::error::connection_refused);
        }
      });
}

void RpcPeer::connected() { say_hello(std::move(socket_)); }

void RpcPeer::connect_timed_out() { failed_to_connect(boost::asio::error::timed_out); }

void RpcPeer::failed_to_connect(ErrorCode) {
  ++attempt_;
  context_.metrics.connect_failures.add();
  wait_and_connect(backoff_.next());
}

// --- who is connected to

RpcServer::RpcServer(RpcContext& context, const RpcHandlers& handlers,
                     const RpcServerOptions& options, Hooks hooks)
    : context_(context), handlers_(handlers), options_(options), hooks_(std::move(hooks)) {}

RpcServer::~RpcServer() { close(); }

Result<boost::asio::ip::tcp::endpoint> RpcServer::listen(const std::string&, std::uint16_t port) {
  network().listen(current_host(), [this](int handle) { adopt(handle); });
  return boost::asio::ip::tcp::endpoint{boost::asio::ip::tcp::v4(), port};
}

void RpcServer::adopt(int native_handle) {
  if (const auto connection = take_in(native_handle)) connection->start();
}

void RpcServer::adopt(int native_handle, const RpcHello& hello) {
  if (const auto connection = take_in(native_handle)) connection->start(hello);
}

std::shared_ptr<RpcServerConnection> RpcServer::take_in(int native_handle) {
  if (closed_) return nullptr;
  next_handle = native_handle;
  const std::uint64_t number = ++adopted_;
  auto connection = std::make_shared<RpcServerConnection>(
      *this, number, boost::asio::ip::tcp::socket{context_.loop.io()});
  connections_.emplace(number, connection);
  greeting_.insert(number);
  return connection;
}

void RpcServer::ended(std::uint64_t number) {
  greeting_.erase(number);
  connections_.erase(number);
}

void RpcServer::close() {
  closed_ = true;
  while (!connections_.empty()) {
    const std::shared_ptr<RpcServerConnection> connection = connections_.begin()->second;
    connection->close(RpcClose::shutdown);
  }
}

// --- who looks whether a process is there

struct Probe::State {
  Done done;
  void finish(ProbeResult result) {
    if (done) std::exchange(done, nullptr)(result);
  }
};

Probe::Probe(ShardLoop& loop, const HostPort& address, Duration time_max, Done done)
    : state_(std::make_shared<State>(State{std::move(done)})) {
  const std::weak_ptr<State> weak = state_;
  const auto tell = [weak](ProbeResult result) {
    if (const auto state = weak.lock()) state->finish(result);
  };
  network().connect(
      current_host(), address, [tell](int) { tell(ProbeResult::alive); },
      [tell] { tell(ProbeResult::refused); });
  loop.after(time_max, [tell] { tell(ProbeResult::silent); });
}

Probe::~Probe() = default;

}  // namespace strandline
