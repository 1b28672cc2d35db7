// One client connection: reads frames, hands them on, and sends the answers in the order of the
// requests, whatever the order in which they were worked out.
//
// Thread   the shard it lives on
// Owns     its socket. It keeps itself alive while open; handlers hold Requests, which hold it
//
// States   open -> draining (no more is read; answers still go out) -> closed
//          open -> moved, between two requests, when another shard does all the work
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/metrics/shard_metrics.h"
#include "broker/net/buffer_pool.h"
#include "broker/net/frame_reader.h"
#include "broker/net/output_queue.h"
#include "broker/runtime/memory_budget.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/clock.h"

namespace strandline {

class Connection;

struct ConnectionLimits {
  std::size_t frame_bytes_max = std::size_t{100} << 20;
  std::size_t requests_in_flight_max = 64;
  // Requests at work and answers not sent yet, taken together; above it the connection is not read.
  // A request that comes while nothing is held always fits.
  std::uint64_t held_bytes_max = std::uint64_t{64} << 20;
  Duration idle_max = std::chrono::minutes{10};
  // A frame that has begun, or answers that wait, must move within this time.
  Duration stall_max = std::chrono::minutes{1};
};

// The right to answer one request, once. Dropped without an answer it closes the connection, so
// that a client never waits for an answer that nobody will give.
//
// Thread   the connection's shard
class Request {
 public:
  Request(std::shared_ptr<Connection> connection, std::uint64_t sequence, Frame frame);
  Request(Request&&) noexcept = default;
  Request& operator=(Request&&) = delete;
  ~Request();

  // The frame without its length; the bytes are this request's to change.
  MutableByteView bytes() const { return frame_.bytes; }
  Connection& connection() const { return *connection_; }
  Instant received_at() const { return received_at_; }

  // Sends the pieces (one whole frame) when it is this request's turn.
  void answer(std::vector<OutputPiece> pieces);
  // For Produce with acks=0: nothing is sent, the next answer may go.
  void finish_without_answer();
  // Bytes that are no request, or acks=0 with an error: closes without an answer.
  void close(CloseReason reason);

 private:
  std::shared_ptr<Connection> connection_;
  std::uint64_t sequence_;
  Instant received_at_;
  Frame frame_;
};

// What all connections of a shard share.
struct ConnectionContext {
  std::size_t shard;
  ShardLoop& loop;
  BufferPool& buffers;
  MemoryBudget& budget;
  ShardMetrics& metrics;
  ConnectionLimits limits;
  // Takes each request frame.
  std::function<void(Request)> on_request;
  // Takes the socket of a client that speaks HTTP, with the bytes read so far.
  std::function<void(boost::asio::ip::tcp::socket, std::string)> on_http;
  // Takes the socket of a client that another shard does all the work for.
  std::function<void(boost::asio::ip::tcp::socket, std::size_t shard)> on_move;
  std::function<void(Connection&)> on_closed;
  // Of the whole process, for max.connections.
  std::atomic<std::int64_t>& open_connections;
  // Set when a connection is left unread for want of memory; the table looks again.
  bool any_paused = false;
  // The one connection that may finish the frame it has begun although memory is used up: frames
  // that are all half received could else hold all memory for ever.
  const Connection* beyond_budget = nullptr;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Whether the client has spoken Kafka's protocol before: its first bytes may be HTTP.
  enum class History : std::uint8_t { none, requests };

  // context   outlives the connection
  Connection(ConnectionContext& context, boost::asio::ip::tcp::socket socket, History history);

  void start();
  void close(CloseReason reason);

  // Closes when nothing has moved for too long. Called every second or so.
  void check_idle(Instant now);

  // Tells that a request's partitions all live on `shard`; none: on several. A hop to another shard
  // and back costs as much as a small request itself, so a connection for which one other shard
  // does the work again and again moves there, once nothing of it is under way.
  void worked_at(std::optional<std::size_t> shard);

  // Looks again whether there is room to read, after a limit had stopped it.
  void resume_reading();

  bool is_open() const { return open_; }
  const std::string& peer() const { return peer_; }
  boost::asio::ip::tcp::endpoint local_endpoint() const { return local_; }
  boost::asio::ip::tcp::endpoint remote_endpoint() const { return remote_; }

 private:
  friend class Request;

  struct Slot {
    std::size_t request_bytes = 0;  // until it is answered, then its answer's
    bool answered = false;
    std::vector<OutputPiece> pieces;
  };

  void wait_readable();
  void on_readable();
  bool read_some();  // false: nothing more to read now
  bool take_frames();
  void hand_to_http();
  void refuse_length();
  bool may_read();
  bool may_take_memory();
  void pause_reading();

  void answered(std::uint64_t sequence, std::vector<OutputPiece> pieces);
  void flush();
  void wait_writable();
  // Keeps the budget and the gauge in step with what the output queue holds.
  void account_output();
  std::uint64_t held_bytes() const { return slot_bytes_ + output_.bytes(); }
  bool is_drained() const { return peer_done_ && slots_.empty() && output_.empty(); }
  bool is_quiet() const;
  void move();
  void end();

  ConnectionContext& context_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::ip::tcp::endpoint local_;
  boost::asio::ip::tcp::endpoint remote_;
  std::string peer_;
  FrameReader frames_;
  OutputQueue output_;
  std::deque<Slot> slots_;            // requests in flight, oldest first
  std::uint64_t first_sequence_ = 0;  // of slots_.front()
  std::uint64_t slot_bytes_ = 0;      // of requests at work, and answers whose turn has not come
  std::uint64_t accounted_ = 0;
  Instant last_progress_;
  bool open_ = true;
  bool waiting_readable_ = false;
  bool drained_ = false;  // the latest read took all there was
  bool waiting_writable_ = false;
  bool read_planned_ = false;
  bool flush_planned_ = false;
  bool paused_ = false;     // not read because of a limit of ours
  bool peer_done_ = false;  // the peer closed its side; answers still go out
  bool any_frame_;
  std::optional<std::size_t> worker_;  // the shard that the latest requests were all worked on by
  int worker_requests_ = 0;            // how many those are
};

}  // namespace strandline
