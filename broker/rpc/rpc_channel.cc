#include "broker/rpc/rpc_channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/rpc/frame_encoder.h"

namespace strandline {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// A stranger may say hello, and nothing larger.
constexpr rpc::FrameLimits kGreetingLimits{
    .message_bytes_max = 4096, .attachments_max = 0, .attachment_bytes_max = 0};

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

}  // namespace

RpcChannel::RpcChannel(RpcContext& context, asio::ip::tcp::socket socket, Side side, Owner owner)
    : context_(context),
      socket_(std::move(socket)),
      side_(side),
      owner_(std::move(owner)),
      frames_(std::in_place, context.buffers, context.limits.frames.frame_bytes_max()),
      decoder_(kGreetingLimits) {
  error_code ignored;
  address_ = text_of(socket_.remote_endpoint(ignored));
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void RpcChannel::start() { wait_readable(); }

void RpcChannel::establish(const RpcIdentity& peer) {
  STRANDLINE_ASSERT(state_ == State::greeting);
  state_ = State::established;
  peer_ = peer;
  decoder_.set_limits(context_.limits.frames);
  last_tick_ = steady_now();
  ticker_ = context_.loop.after(context_.limits.ping_interval, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->tick();
  });
}

void RpcChannel::close(RpcClose reason, ErrorCode error) {
  if (state_ == State::closed) return;
  // Whoever is told below may drop the last share.
  const std::shared_ptr<RpcChannel> self = shared_from_this();
  state_ = State::closed;
  context_.loop.cancel(ticker_);
  if (context_.beyond_budget == this) context_.beyond_budget = nullptr;
  output_ = OutputQueue{};
  account_output();
  frames_.reset();
  wait_for_room_.clear();
  error_code ignored;
  socket_.close(ignored);
  context_.metrics.count_closed(reason);
  owner_.on_closed(reason, error);
}

int RpcChannel::give_away() {
  STRANDLINE_ASSERT(state_ == State::greeting && output_.empty() && !waiting_writable_);
  state_ = State::closed;
  if (context_.beyond_budget == this) context_.beyond_budget = nullptr;
  frames_.reset();
  error_code ignored;
  return socket_.release(ignored);
}

Result<void> RpcChannel::send(rpc::Method method, RpcPayload payload) {
  if (state_ != State::established) return Errc::rpc_not_connected;
  const rpc::FrameHeader header{.kind = rpc::FrameKind::one_way, .method = method};
  STRANDLINE_TRYV(send_frame(header, std::move(payload), Bound::kept));
  context_.metrics.one_way_sent.add();
  return success();
}

Result<void> RpcChannel::send_frame(const rpc::FrameHeader& header, RpcPayload payload,
                                    Bound bound) {
  if (state_ == State::closed || state_ == State::finishing) return Errc::rpc_not_connected;
  std::vector<std::uint64_t> lengths;
  lengths.reserve(payload.attachments.size());
  for (const OutputPiece& piece : payload.attachments) lengths.push_back(size_bytes(piece));
  auto head = std::make_shared<wire::ByteBuffer>();
  STRANDLINE_TRYV(rpc::encode_frame_head(header, as_bytes(payload.message), lengths,
                                         context_.limits.frames, *head));
  std::uint64_t whole = head->size();
  for (const std::uint64_t bytes : lengths) whole += bytes;
  // While less than a half waits anything fits, or a large message that was told of room could find
  // a ping in its way.
  const std::uint64_t waiting = output_.bytes();
  if (bound == Bound::kept && waiting >= context_.limits.send_bytes_max / 2 &&
      waiting + whole > context_.limits.send_bytes_max) {
    context_.metrics.queue_full.add();
    return Errc::rpc_queue_full;
  }
  const ByteView bytes = head->view();
  output_.push(MemoryPiece{std::move(head), bytes});
  for (OutputPiece& piece : payload.attachments) output_.push(std::move(piece));
  spoke_ = spoke_ || (header.kind != rpc::FrameKind::ping && header.kind != rpc::FrameKind::pong);
  account_output();
  plan_flush();
  return success();
}

void RpcChannel::when_room(Task task) {
  if (state_ == State::closed) return;
  wait_for_room_.push_back(std::move(task));
  plan_flush();  // there may be room already
}

void RpcChannel::tell_of_room() {
  if (wait_for_room_.empty() || output_.bytes() >= context_.limits.send_bytes_max / 2) return;
  // Whoever finds it full again is told another time.
  for (Task& task : std::exchange(wait_for_room_, {})) context_.loop.post(std::move(task));
}

// Sent once for all that this turn of the loop adds: one system call instead of many.
void RpcChannel::plan_flush() {
  if (flush_planned_ || waiting_writable_) return;
  flush_planned_ = true;
  context_.loop.at_end_of_turn([self = shared_from_this()] {
    self->flush_planned_ = false;
    self->flush();
  });
}

void RpcChannel::flush() {
  if (state_ == State::closed) return;
  const std::uint64_t before = output_.bytes();
  const auto sent = output_.send_to(socket_.native_handle());
  if (!sent) return close(RpcClose::broken, sent.error());
  account_output();
  if (output_.bytes() < before) stalled_ = Duration{0};
  context_.metrics.sent_memory_bytes.add(sent.value().from_memory);
  context_.metrics.sent_sendfile_bytes.add(sent.value().from_files);
  if (sent.value().blocked) {
    wait_writable();
  } else if (!output_.empty()) {
    context_.loop.post([self = shared_from_this()] { self->flush(); });
  } else if (state_ == State::finishing && !std::exchange(sending_done_, true)) {
    ::shutdown(socket_.native_handle(), SHUT_WR);
  }
  tell_of_room();
  resume_reading();
}

void RpcChannel::wait_writable() {
  if (waiting_writable_) return;
  waiting_writable_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](const error_code& error) {
                       self->waiting_writable_ = false;
                       if (error || self->state_ == State::closed) return;
                       // It was full and is not any more: the other side reads.
                       self->heard_ = true;
                       self->flush();
                     });
}

// Keeps the budget and the gauge in step with what the queue holds.
void RpcChannel::account_output() {
  const std::uint64_t memory = output_.memory_bytes();
  if (memory > accounted_memory_) context_.budget.charge(memory - accounted_memory_);
  if (memory < accounted_memory_) context_.budget.release(accounted_memory_ - memory);
  accounted_memory_ = memory;
  const std::uint64_t all = output_.bytes();
  context_.metrics.send_queue_bytes.add(static_cast<std::int64_t>(all - accounted_queue_));
  accounted_queue_ = all;
}

void RpcChannel::finish() {
  if (state_ == State::closed) return;
  state_ = State::finishing;
  context_.loop.cancel(ticker_);
  plan_flush();
}

// Time is counted in ticks that passed, each for at most two: when this loop was kept from running
// for seconds, what the others said meanwhile is still in the socket.
void RpcChannel::tick() {
  if (state_ != State::established) return;
  const Instant now = steady_now();
  const Duration passed = std::min(now - last_tick_, 2 * context_.limits.ping_interval);
  last_tick_ = now;
  if (is_quiet_too_long(passed)) return;
  // What still waits to be sent says that we are here by itself.
  if (!std::exchange(spoke_, false) && output_.empty()) {
    const rpc::FrameHeader ping{.kind = rpc::FrameKind::ping, .request_id = ++pings_};
    pinged_at_ = now;
    (void)send_frame(ping, {}, Bound::exempt);
  }
  resume_reading();  // memory may have come back, which nobody tells of
  if (state_ != State::established) return;
  ticker_ = context_.loop.after(context_.limits.ping_interval, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->tick();
  });
}

bool RpcChannel::is_quiet_too_long(Duration passed) {
  // The time in which we did not read is not the other side's.
  if (std::exchange(heard_, false)) {
    quiet_ = Duration{0};
  } else if (waiting_readable_) {
    quiet_ += passed;
  }
  if (waiting_writable_) stalled_ += passed;
  if (quiet_ >= context_.limits.silence_max) {
    close(RpcClose::silent, Errc::rpc_peer_silent);
    return true;
  }
  if (stalled_ >= context_.limits.stall_max) {
    close(RpcClose::stalled, Errc::rpc_peer_silent);
    return true;
  }
  return false;
}

}  // namespace strandline
