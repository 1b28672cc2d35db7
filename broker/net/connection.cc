#include "broker/net/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <string_view>
#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// One connection's turn at reading, for the same reason as at sending.
constexpr int kReadsPerTurn = 16;
// Enough to tell a habit from chance: a move takes a few system calls and one hop to the other
// shard.
constexpr int kRequestsBeforeMove = 16;

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

// As a length these bytes would mean a frame of over 1 GB, which no Kafka client begins with, also
// where socket.request.max.bytes would allow one.
bool begins_http(ByteView bytes) {
  if (bytes.size() < 4) return false;
  static constexpr std::array<std::string_view, 7> kMethods = {"GET ", "HEAD", "POST", "PUT ",
                                                               "DELE", "PATC", "OPTI"};
  return std::ranges::find(kMethods, as_text(bytes.first(4))) != kMethods.end();
}

}  // namespace

Request::Request(std::shared_ptr<Connection> connection, std::uint64_t sequence, Frame frame)
    : connection_(std::move(connection)),
      sequence_(sequence),
      received_at_(steady_now()),
      frame_(std::move(frame)) {}

Request::~Request() {
  if (connection_ != nullptr) connection_->close(CloseReason::malformed);
}

void Request::answer(std::vector<OutputPiece> pieces) {
  std::exchange(connection_, nullptr)->answered(sequence_, std::move(pieces));
}

void Request::finish_without_answer() { answer({}); }

void Request::close(CloseReason reason) { std::exchange(connection_, nullptr)->close(reason); }

Connection::Connection(ConnectionContext& context, asio::ip::tcp::socket socket, History history)
    : context_(context),
      socket_(std::move(socket)),
      frames_(context.buffers, context.limits.frame_bytes_max),
      last_progress_(steady_now()),
      any_frame_(history == History::requests) {
  error_code ignored;
  local_ = socket_.local_endpoint(ignored);
  remote_ = socket_.remote_endpoint(ignored);
  peer_ = text_of(remote_);
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Connection::start() { wait_readable(); }

void Connection::close(CloseReason reason) {
  if (!open_) return;
  context_.open_connections.fetch_sub(1, std::memory_order_relaxed);
  context_.metrics.count_closed(reason);
  end();
}

void Connection::worked_at(std::optional<std::size_t> shard) {
  worker_requests_ = shard == worker_ ? worker_requests_ + 1 : 1;
  worker_ = shard;
}

bool Connection::is_quiet() const {
  return open_ && !peer_done_ && !waiting_writable_ && !read_planned_ && slots_.empty() &&
         output_.empty() && frames_.pending().empty();
}

// The socket changes hands; what it has received meanwhile waits in the kernel.
void Connection::move() {
  const auto on_move = context_.on_move;
  const std::size_t target = *worker_;
  asio::ip::tcp::socket socket = std::move(socket_);
  context_.metrics.count_moved_out();
  end();
  on_move(std::move(socket), target);
}

void Connection::end() {
  open_ = false;
  if (context_.beyond_budget == this) context_.beyond_budget = nullptr;
  output_ = OutputQueue{};
  account_output();
  slots_.clear();
  slot_bytes_ = 0;
  error_code ignored;
  socket_.close(ignored);
  // The last share may be the caller's: what follows must not touch members.
  context_.on_closed(*this);
}

bool Connection::may_read() {
  return open_ && !peer_done_ && slots_.size() < context_.limits.requests_in_flight_max &&
         held_bytes() < context_.limits.held_bytes_max && may_take_memory();
}

bool Connection::may_take_memory() {
  if (!context_.budget.is_exhausted()) return true;
  if (!frames_.pending().empty()) {
    if (context_.beyond_budget == nullptr) context_.beyond_budget = this;
    if (context_.beyond_budget == this) return true;
  }
  // Said here and not by a second look at the budget: memory that came back in between would leave
  // the connection unread for ever.
  context_.any_paused = true;
  return false;
}

// The limits of this connection end with an answer of its own, which then looks again; memory may
// be given back by anybody, so that somebody has to ask for it.
void Connection::pause_reading() {
  if (!paused_) context_.metrics.reads_paused.add();
  paused_ = true;
  frames_.release_spare();  // or it would keep others from the memory it waits for
}

void Connection::wait_readable() {
  if (waiting_readable_ || !open_ || peer_done_) return;
  waiting_readable_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const error_code& error) {
                       self->waiting_readable_ = false;
                       if (!error) self->on_readable();
                     });
}

void Connection::resume_reading() {
  if (peer_done_) {
    if (open_ && take_frames() && is_drained()) close(CloseReason::peer);
  } else if (open_ && !waiting_readable_ && !read_planned_) {
    on_readable();
  }
}

void Connection::on_readable() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    // Frames that were received while a limit stopped us come first.
    if (!take_frames()) return;
    if (!may_read()) {
      if (open_ && !peer_done_) pause_reading();
      return;
    }
    // The time in which nothing was read was ours, not the peer's.
    if (std::exchange(paused_, false)) last_progress_ = steady_now();
    if (std::exchange(drained_, false) || !read_some()) {
      if (!open_ || peer_done_) return;
      frames_.release_spare();
      wait_readable();
      return;
    }
  }
  // Others first; then go on where we are.
  read_planned_ = true;
  context_.loop.post([self = shared_from_this()] {
    self->read_planned_ = false;
    self->resume_reading();
  });
}

bool Connection::read_some() {
  const MutableByteView space = frames_.space();
  const std::size_t room = space.size();
  ssize_t count;
  do {
    count = ::recv(socket_.native_handle(), space.data(), space.size(), MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    frames_.received(static_cast<std::size_t>(count));
    // More that comes now is told by the wait: no call is spent on hearing that there is nothing.
    drained_ = static_cast<std::size_t>(count) < room;
    last_progress_ = steady_now();
    return true;
  }
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (count < 0 || !frames_.pending().empty()) {
    close(CloseReason::broken);
  } else if (slots_.empty() && output_.empty()) {
    close(CloseReason::peer);
  } else {
    // A client may send its last request and close its side at once; it still gets its answers.
    peer_done_ = true;
  }
  return false;
}

bool Connection::take_frames() {
  // Many are answered before they return: a few small requests can ask for very large answers.
  while (open_ && slots_.size() < context_.limits.requests_in_flight_max &&
         held_bytes() < context_.limits.held_bytes_max) {
    if (!any_frame_ && begins_http(frames_.pending())) {
      hand_to_http();
      return false;
    }
    auto next = frames_.next();
    if (!next) {
      refuse_length();
      return false;
    }
    if (!next.value().has_value()) return true;
    any_frame_ = true;
    if (context_.beyond_budget == this) context_.beyond_budget = nullptr;
    // Counted as its buffer has it, which is a power of two.
    slots_.push_back({.request_bytes = std::bit_ceil(next.value()->bytes.size())});
    slot_bytes_ += slots_.back().request_bytes;
    const std::uint64_t sequence = first_sequence_ + slots_.size() - 1;
    context_.on_request(Request{shared_from_this(), sequence, std::move(*next.value())});
  }
  return open_;
}

void Connection::hand_to_http() {
  // The socket changes hands; this connection ends without closing it.
  std::string bytes{as_text(frames_.pending())};
  asio::ip::tcp::socket socket = std::move(socket_);
  auto on_http = context_.on_http;
  close(CloseReason::http);
  on_http(std::move(socket), std::move(bytes));
}

void Connection::refuse_length() {
  const ByteView begun = frames_.pending();
  context_.metrics.count_malformed(MalformedKind::size);
  log_limited(LogLevel::warn, "net", "frame-size", "frame length outside the limits, closing",
              {{"peer", peer_},
               {"length", load_be<std::int32_t>(begun.data())},
               {"limit", context_.limits.frame_bytes_max}});
  close(CloseReason::frame_size);
}

void Connection::answered(std::uint64_t sequence, std::vector<OutputPiece> pieces) {
  if (!open_) return;
  STRANDLINE_ASSERT(sequence >= first_sequence_ && sequence - first_sequence_ < slots_.size());
  Slot& slot = slots_[sequence - first_sequence_];
  STRANDLINE_ASSERT(!slot.answered);
  slot.answered = true;
  slot.pieces = std::move(pieces);
  slot_bytes_ -= slot.request_bytes;
  for (const OutputPiece& piece : slot.pieces) slot_bytes_ += size_bytes(piece);
  // How long the answer took does not count against the peer.
  if (output_.empty()) last_progress_ = steady_now();
  while (!slots_.empty() && slots_.front().answered) {
    for (OutputPiece& piece : slots_.front().pieces) {
      slot_bytes_ -= size_bytes(piece);
      output_.push(std::move(piece));
    }
    slots_.pop_front();
    ++first_sequence_;
  }
  account_output();
  // Sent once for all answers of this turn of the loop: one system call instead of many.
  if (!flush_planned_ && !waiting_writable_) {
    flush_planned_ = true;
    context_.loop.at_end_of_turn([self = shared_from_this()] {
      self->flush_planned_ = false;
      self->flush();
    });
  }
}

void Connection::flush() {
  if (!open_) return;
  const std::uint64_t before = output_.bytes();
  auto sent = output_.send_to(socket_.native_handle());
  account_output();
  if (!sent) {
    log_limited(LogLevel::debug, "net", "send", "connection broke while sending",
                {{"peer", peer_}, {"error", sent.error().message()}});
    close(CloseReason::broken);
    return;
  }
  if (output_.bytes() < before) last_progress_ = steady_now();
  context_.metrics.sent_memory_bytes.add(sent.value().from_memory);
  context_.metrics.sent_sendfile_bytes.add(sent.value().from_files);
  if (sent.value().blocked) {
    wait_writable();
  } else if (!output_.empty()) {
    context_.loop.post([self = shared_from_this()] { self->flush(); });
  }
  const bool belongs_elsewhere =
      worker_ && *worker_ != context_.shard && worker_requests_ >= kRequestsBeforeMove;
  if (belongs_elsewhere && is_quiet()) return move();
  resume_reading();
}

void Connection::account_output() {
  const std::uint64_t now = output_.memory_bytes();
  if (now > accounted_) context_.budget.charge(now - accounted_);
  if (now < accounted_) context_.budget.release(accounted_ - now);
  context_.metrics.memory_in_flight_bytes.add(static_cast<std::int64_t>(now - accounted_));
  accounted_ = now;
}

void Connection::wait_writable() {
  if (waiting_writable_) return;
  waiting_writable_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](const error_code& error) {
                       self->waiting_writable_ = false;
                       if (!error) self->flush();
                     });
}

void Connection::check_idle(Instant now) {
  if (!open_) return;
  const Duration quiet = now - last_progress_;
  if (!output_.empty()) {
    if (quiet > context_.limits.stall_max) close(CloseReason::slow_reader);
  } else if (!waiting_readable_) {
    return;  // it is not the peer that is waited for
  } else if (!frames_.pending().empty()) {
    if (quiet > context_.limits.stall_max) close(CloseReason::half_sent);
  } else if (slots_.empty() && quiet > context_.limits.idle_max) {
    close(CloseReason::idle);
  }
}

}  // namespace strandline
