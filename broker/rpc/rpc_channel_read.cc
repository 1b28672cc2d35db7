// How a channel reads: as fast as those who work on its messages let go of them.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "broker/rpc/rpc_channel.h"
#include "protocol/base/errc.h"

namespace strandline {
using boost::system::error_code;

namespace {

// One connection's turn at reading; others live on the loop, too.
constexpr int kReadsPerTurn = 16;
// What a message costs beside its bytes: a million empty ones must not hold memory for nothing.
constexpr std::uint64_t kMessageOverhead = 256;

}  // namespace

bool RpcChannel::may_take_frame() const {
  if (held_bytes_ >= context_.limits.held_bytes_max) return false;
  // Requests that are small can ask for answers that are large.
  return side_ == Side::connected || output_.bytes() < context_.limits.send_bytes_max;
}

bool RpcChannel::may_read() {
  return state_ == State::finishing || (may_take_frame() && may_take_memory());
}

bool RpcChannel::may_take_memory() {
  if (!context_.budget.is_exhausted()) return true;
  const std::uint64_t begun = frames_->pending().size();
  if (held_bytes_ + begun < context_.limits.reserve_bytes) return true;
  // Frames that are all half received could else hold all memory for ever.
  if (begun > 0 && context_.beyond_budget == nullptr) context_.beyond_budget = this;
  return context_.beyond_budget == this;
}

void RpcChannel::wait_readable() {
  if (waiting_readable_) return;
  waiting_readable_ = true;
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const error_code& error) {
                       self->waiting_readable_ = false;
                       if (!error && self->is_open()) self->on_readable();
                     });
}

void RpcChannel::plan_reading() {
  if (read_planned_) return;
  read_planned_ = true;
  context_.loop.post([self = shared_from_this()] {
    self->read_planned_ = false;
    self->resume_reading();
  });
}

void RpcChannel::resume_reading() {
  if (is_open() && !waiting_readable_ && !read_planned_) on_readable();
}

void RpcChannel::on_readable() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    // Frames that were received while a limit stopped us come first.
    if (!take_frames()) return;
    if (!may_read()) {
      if (!std::exchange(paused_, true)) context_.metrics.reads_paused.add();
      frames_->release_spare();  // or it would keep others from the memory it waits for
      return;
    }
    if (std::exchange(paused_, false)) heard_ = true;
    if (std::exchange(drained_, false) || !read_some()) {
      if (!is_open()) return;
      frames_->release_spare();
      wait_readable();
      return;
    }
  }
  plan_reading();
}

bool RpcChannel::read_some() {
  std::array<std::byte, 4096> dropped;
  const MutableByteView space =
      state_ == State::finishing ? MutableByteView{dropped} : frames_->space();
  ssize_t count;
  do {
    count = ::recv(socket_.native_handle(), space.data(), space.size(), MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    if (state_ != State::finishing) frames_->received(static_cast<std::size_t>(count));
    // More that comes now is told by the wait: no call is spent on hearing that there is nothing.
    drained_ = static_cast<std::size_t>(count) < space.size();
    heard_ = true;
    context_.metrics.received_bytes.add(static_cast<std::uint64_t>(count));
    return true;
  }
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    close(RpcClose::broken, error_code{errno, boost::system::system_category()});
  } else if (frames_->pending().empty()) {
    close(RpcClose::peer);
  } else {
    close(RpcClose::broken, Errc::truncated_frame);
  }
  return false;
}

bool RpcChannel::take_frames() {
  while (is_open() && state_ != State::finishing && may_take_frame()) {
    auto view = decoder_.decode(frames_->pending());
    if (!view) {
      close(RpcClose::malformed, view.error());
      return false;
    }
    if (!view.value().has_value()) return true;
    // The same bytes: both cut at the length in front.
    auto frame = frames_->next();
    take_frame(std::move(frame.value().value()), std::move(view.value().value()));
  }
  return is_open();
}

void RpcChannel::take_frame(Frame frame, rpc::FrameView view) {
  if (context_.beyond_budget == this) context_.beyond_budget = nullptr;
  const rpc::FrameKind kind = view.header.kind;
  if (kind == rpc::FrameKind::ping || kind == rpc::FrameKind::pong) {
    if (state_ != State::established) return close(RpcClose::malformed, Errc::malformed_frame);
    return take_ping(view.header);
  }
  RpcHold hold{shared_from_this(), view.frame_bytes + kMessageOverhead};
  owner_.on_frame(RpcMessage{std::move(frame), std::move(view), std::move(hold)});
}

void RpcChannel::take_ping(const rpc::FrameHeader& header) {
  if (header.kind == rpc::FrameKind::pong) {
    if (header.request_id == pings_) context_.metrics.ping_time.record(steady_now() - pinged_at_);
    return;
  }
  // Where much waits to be sent already, that is sign enough.
  if (output_.bytes() >= context_.limits.send_bytes_max) return;
  const rpc::FrameHeader pong{.kind = rpc::FrameKind::pong, .request_id = header.request_id};
  (void)send_frame(pong, {}, Bound::exempt);
}

void RpcChannel::hold(std::uint64_t bytes) {
  held_bytes_ += bytes;
  context_.metrics.held_bytes.add(static_cast<std::int64_t>(bytes));
}

void RpcChannel::release(std::uint64_t bytes) {
  held_bytes_ -= bytes;
  context_.metrics.held_bytes.add(-static_cast<std::int64_t>(bytes));
  // Later, and not inside whatever lets go of its message.
  if (paused_ && is_open()) plan_reading();
}

}  // namespace strandline
