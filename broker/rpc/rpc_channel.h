// One connection between two brokers, the same at both ends: cuts what comes into frames, sends
// what is given to it, says now and then that we are here, and notices when the other side is not.
//
// Thread   the loop of its context
// Owns     its socket. It keeps itself alive while open
//
// States   greeting -> established -> closed
//          greeting -> finishing (what waits is sent, nothing more is taken) -> closed
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/net/frame_reader.h"
#include "broker/net/output_queue.h"
#include "broker/rpc/rpc_context.h"
#include "broker/rpc/rpc_message.h"
#include "broker/runtime/task.h"
#include "protocol/base/result.h"
#include "protocol/rpc/frame_decoder.h"

namespace strandline {

class RpcChannel : public std::enable_shared_from_this<RpcChannel> {
 public:
  // Who opened the connection. The side that was connected to does not read requests while it
  // cannot send its answers; one side always reads, so that the two never wait for each other.
  enum class Side : std::uint8_t { connected, accepted };

  // Holds no share in the channel, or neither would ever go.
  struct Owner {
    // Takes each frame but pings; may close the channel.
    std::function<void(RpcMessage)> on_frame;
    // Called once. `error` says more where there is more to say.
    std::function<void(RpcClose reason, ErrorCode error)> on_closed;
  };

  // context   outlives the channel
  RpcChannel(RpcContext& context, boost::asio::ip::tcp::socket socket, Side side, Owner owner);

  void start();

  // The handshake is done: frames may be large, and silence is noticed from here on.
  void establish(const RpcIdentity& peer);

  // Of the other side, as it was checked. Needs establish() before.
  const RpcIdentity& peer() const { return peer_; }
  const std::string& address() const { return address_; }
  bool is_open() const { return state_ != State::closed; }

  // A message that is not answered. Messages of one channel arrive in the order of these calls, or
  // the connection breaks and those behind some point do not arrive.
  //
  // Errors   rpc_not_connected   it is closed, or not established yet
  //          rpc_queue_full      beyond send_bytes_max; ask when_room() to be told
  //          frame_too_large, too_many_attachments   never fits
  Result<void> send(rpc::Method method, RpcPayload payload);

  // Runs `task` once, when less than a half of send_bytes_max waits; never inside the call, and not
  // at all once the channel is closed.
  void when_room(Task task);

  void close(RpcClose reason, ErrorCode error = {});

  // Gives the connection away to another loop: returns its descriptor, and is closed without a
  // word to its owner.
  //
  // Needs    nothing sent, and nothing received beyond the frame that is being worked on
  int give_away();
  bool has_more() const { return !frames_->pending().empty(); }

  // A message of any size would be taken by send() now.
  bool has_room() const { return output_.bytes() < context_.limits.send_bytes_max / 2; }
  std::uint64_t send_queue_bytes() const { return output_.bytes(); }

  // --- for who speaks the protocol over it

  enum class Bound : std::uint8_t { kept, exempt };
  // Errors   as send(), queue_full only where the bound is kept
  Result<void> send_frame(const rpc::FrameHeader& header, RpcPayload payload, Bound bound);

  // Sends what waits, takes nothing more, and lets the other side close: what it has still sent
  // would else destroy our last words on their way. The owner closes when that takes too long.
  void finish();

 private:
  friend class RpcHold;

  enum class State : std::uint8_t { greeting, established, finishing, closed };

  // reading: rpc_channel_read.cc
  void wait_readable();
  void on_readable();
  bool read_some();  // false: nothing more to read now
  bool take_frames();
  void take_frame(Frame frame, rpc::FrameView view);
  void take_ping(const rpc::FrameHeader& header);
  bool may_read();
  bool may_take_frame() const;
  bool may_take_memory();
  void resume_reading();
  void plan_reading();
  void hold(std::uint64_t bytes);
  void release(std::uint64_t bytes);

  // sending
  void plan_flush();
  void flush();
  void wait_writable();
  void account_output();
  void tell_of_room();

  void tick();
  bool is_quiet_too_long(Duration passed);

  RpcContext& context_;
  boost::asio::ip::tcp::socket socket_;
  const Side side_;
  Owner owner_;
  std::string address_;
  RpcIdentity peer_;
  State state_ = State::greeting;

  std::optional<FrameReader> frames_;  // while open
  rpc::FrameDecoder decoder_;
  std::uint64_t held_bytes_ = 0;
  bool waiting_readable_ = false;
  bool drained_ = false;  // the latest read took all there was
  bool read_planned_ = false;
  bool paused_ = false;  // not read because of a limit of ours

  OutputQueue output_;
  std::uint64_t accounted_memory_ = 0;
  std::uint64_t accounted_queue_ = 0;
  bool waiting_writable_ = false;
  bool flush_planned_ = false;
  bool sending_done_ = false;  // our half of the connection is shut
  std::vector<Task> wait_for_room_;

  TimerId ticker_;
  Instant last_tick_;
  bool heard_ = false;   // since the last tick
  Duration quiet_{0};    // how long the other side said nothing while we read, in whole ticks
  Duration stalled_{0};  // how long it took nothing of what waits
  bool spoke_ = false;   // since the last tick, by more than a ping
  std::uint64_t pings_ = 0;
  Instant pinged_at_;
};

}  // namespace strandline
