// Our connection to one broker: opened, greeted, kept alive, and opened again for as long as it is
// wanted. What is asked while it is down fails at once; nothing is queued for better times, because
// the services above decide anew when they are told that it is up.
//
//   auto peer = RpcPeer::make(context, handlers, {.address = {"10.0.0.2", 9094}}, hooks);
//   peer->start();
//   peer->call(kVote, {.message = encode(vote)}, 200ms, [](RpcAnswer answer) { ... });
//
// Thread   the loop of its context
// Owns     the connection. stop() before the last share goes, or what waits for an answer is
// dropped
//
// States   stopped -> waiting (back-off) -> connecting -> greeting -> up -> waiting ...
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/rpc/backoff.h"
#include "broker/rpc/rpc_channel.h"
#include "broker/rpc/rpc_context.h"
#include "broker/rpc/rpc_handlers.h"
#include "protocol/base/host_port.h"

namespace strandline {

struct RpcPeerOptions {
  HostPort address;  // a name is looked up again whenever its addresses were not reached
  // Who has to be there; by default whoever is.
  BrokerId expected_node = kNoBroker;
  Uuid expected_directory;
  // Which of its loops is to serve the connection; see RpcHello.
  std::uint32_t lane = kControlLane;
  // One try to reach the address. Within one network it takes less than a millisecond; a first
  // packet that was lost is not waited for, the kernel would repeat it after a second, then after
  // two, and a network that healed would stay unused as long.
  Duration connect_max = std::chrono::milliseconds{250};
  Backoff::Config backoff;
  // After a refusal that only people can mend.
  Duration refused_wait = std::chrono::seconds{2};
  // Calls that may wait for their answers.
  std::size_t calls_max = 4096;
  std::uint64_t seed = 0;  // of the jitter; another for each broker
};

// How a call ended.
struct RpcAnswer {
  // None: answered, see `message`. Else an error of the other side, in its number, with its text;
  // or one of ours:
  //   rpc_not_connected     nothing was sent
  //   rpc_queue_full        nothing was sent: too much waits, or too many calls
  //   frame_too_large, too_many_attachments   nothing was sent
  //   request_timed_out     no answer in time; it may have been carried out, or still be
  //   rpc_connection_lost   the connection broke before the answer; likewise
  //   shutting_down         stop() was called; likewise
  ErrorCode error;
  std::string error_text;
  RpcMessage message;
};

class RpcPeer : public std::enable_shared_from_this<RpcPeer> {
 public:
  using OnAnswer = std::function<void(RpcAnswer answer)>;

  struct Hooks {
    // Whether it is who we look for; the pair itself was checked before (handshake.h). Unset:
    // whoever passed that is.
    std::function<std::optional<RpcRefusal>(const RpcIdentity& peer)> verify;
    // The connection is up: who is there, and where messages go, is in the channel. A stream holds
    // on to this channel, so that it ends with it.
    std::function<void(RpcChannel& channel)> on_up;
    // It was up and is not any more. Not called by stop().
    std::function<void(const RpcIdentity& peer, RpcClose reason, ErrorCode error)> on_down;
  };

  // context, handlers   outlive the peer; the handlers take what the other side sends by itself
  static std::shared_ptr<RpcPeer> make(RpcContext& context, const RpcHandlers& handlers,
                                       RpcPeerOptions options, Hooks hooks);
  ~RpcPeer();

  // Begins to connect, and does not give up before stop().
  void start();

  // Ends the connection. Calls that wait are answered before it returns; no callback comes after.
  void stop();

  // Sends a request. `on_answer` runs once, later, on the loop.
  //
  // time_max   from now until the answer
  void call(rpc::Method method, RpcPayload payload, Duration time_max, OnAnswer on_answer);

  // The connection, for messages that are not answered; nullptr while it is down.
  RpcChannel* channel() const { return state_ == State::up ? channel_.get() : nullptr; }
  bool is_up() const { return state_ == State::up; }
  std::size_t calls() const { return calls_.size(); }

 private:
  enum class State : std::uint8_t { stopped, waiting, connecting, greeting, up };

  struct Call {
    rpc::Method method;
    OnAnswer on_answer;
    TimerId expires;
    Instant sent_at;
  };

  RpcPeer(RpcContext& context, const RpcHandlers& handlers, RpcPeerOptions options, Hooks hooks);

  // connecting: rpc_peer_connect.cc
  void connect();
  void look_up();
  void connect_to(const boost::asio::ip::tcp::endpoint& endpoint);
  void connected();
  void failed_to_connect(ErrorCode error);

  // greeting: rpc_peer_greet.cc
  void wait_and_connect(Duration wait);
  void say_hello(boost::asio::ip::tcp::socket socket);
  void greet(const RpcMessage& message);
  void be_refused(const RpcRefusal& refusal);
  void refuse(const RpcRefusal& refusal);
  void come_up(const RpcIdentity& peer);
  void set_timer(Duration delay, void (RpcPeer::*then)());
  void connect_timed_out();
  void greeting_timed_out();

  void on_frame(RpcMessage message);
  void on_closed(RpcClose reason, ErrorCode error);
  void take_answer(RpcMessage message);
  void expire(std::uint64_t id);
  void fail_soon(OnAnswer on_answer, ErrorCode error);
  void tell_failed();
  void fail_calls(ErrorCode error);

  RpcContext& context_;
  const RpcHandlers& handlers_;
  const RpcPeerOptions options_;
  const Hooks hooks_;
  const std::string address_;  // for people
  State state_ = State::stopped;

  Backoff backoff_;
  TimerId timer_;  // of the state: the wait, the try to connect, or the handshake
  std::uint64_t attempt_ = 0;
  std::uint64_t times_up_ = 0;
  bool looking_up_ = false;
  std::vector<boost::asio::ip::tcp::endpoint> endpoints_;  // to try, the next one last
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;  // while connecting
  RpcHello hello_;                       // as it was sent
  bool refused_ = false;                 // one side refused the other, and people have to mend it
  std::shared_ptr<RpcChannel> channel_;  // greeting and up
  Instant up_since_;

  std::uint64_t last_call_ = 0;
  std::map<std::uint64_t, Call> calls_;
  std::vector<std::pair<OnAnswer, ErrorCode>> failed_;  // to be told
};

}  // namespace strandline
