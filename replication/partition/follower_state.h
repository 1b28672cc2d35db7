// What a leader knows of one of its followers: the stream, what it acknowledged, how it lags.
//
//   none -> opening       OpenStream came; an answer is out
//   opening -> streaming  the first StreamAck: the follower has cut its log to where both agree
//   opening, streaming -> opening   another OpenStream: the follower begins anew
//   opening, streaming -> none      the stream is over
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "replication/partition/lag_clock.h"
#include "replication/partition/messages.h"

namespace strandline {

struct FollowerState {
  enum class Stream : std::uint8_t { none, opening, streaming };

  Stream stream = Stream::none;
  StreamName name;      // of this stream, or of the last
  StreamOpened opened;  // the answer to it, once there is one
  bool answered = false;
  bool must_restart = false;  // there is nothing to be read where its log ends
  bool stalled = false;
  // Why this leader ended the stream, said until the next one opens; ok: the connection broke.
  Errc end_reason = Errc::ok;

  // Acknowledged in this stream; kNoOffset: nothing is known. Once a stream is over they stay true:
  // within one term a follower cuts its log only when it opens the next one.
  Offset appended = kNoOffset;
  Offset flushed = kNoOffset;
  Offset high_watermark = kNoOffset;
  Offset log_start_offset = kNoOffset;
  LagClock lag;

  Offset next_offset = kNoOffset;  // to be sent next
  std::uint64_t bytes_sent = 0;
  std::uint64_t credit_limit = 0;
  bool reading = false;  // bytes are being read for it; outlives the stream
  bool reading_files = false;
  std::uint64_t turn = 0;  // when it last had a read from files
  Offset high_watermark_sent = kNoOffset;
  Offset log_start_sent = kNoOffset;

  // Where it is throttled: what may be read for it next, 0: nothing yet; what the read under way
  // was allowed, and how much others were sent beyond what they were.
  std::uint64_t allowance = 0;
  bool awaits_allowance = false;
  std::uint64_t allowance_of_read = 0;
  std::int64_t bytes_beyond = 0;

  Instant asked_at;  // last time it was heard or asked to speak

  // The controller refused a proposal for its sake: not named, not proposed, until then.
  bool barred = false;  // its broker is fenced, or about to stop
  std::optional<Instant> refused_until;

  Offset safe_end(bool flush_on_ack) const { return flush_on_ack ? flushed : appended; }

  bool is_streaming() const { return stream == Stream::streaming; }

  bool wants_batches(Offset log_end_offset) const {
    return is_streaming() && !reading && next_offset < log_end_offset && bytes_sent < credit_limit;
  }

  // Whether it has said that it has everything there is to say.
  bool has_confirmed(Offset log_end, Offset high_watermark_now, Offset log_start) const {
    return flushed >= log_end && high_watermark >= high_watermark_now &&
           log_start_offset >= log_start;
  }

  // The read under way gave so many bytes.
  void account_for_read(std::uint64_t bytes) {
    if (allowance_of_read == 0) return;
    bytes_beyond += static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(allowance_of_read);
    allowance_of_read = 0;
  }

  void forget_allowance() {
    allowance = 0;
    awaits_allowance = false;
  }

  void forget_progress() {
    appended = flushed = high_watermark = log_start_offset = kNoOffset;
    stalled = false;
  }
};

}  // namespace strandline
