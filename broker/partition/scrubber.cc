#include "broker/partition/scrubber.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "broker/config/live_settings.h"
#include "broker/logging/log.h"
#include "broker/partition/leader_role.h"
#include "broker/partition/replica_services.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

using std::chrono::milliseconds;

// By then those who are to lead do, and nobody waits for a broker that has just started.
constexpr std::int64_t kFirstRoundMs = 60'000;
constexpr std::int64_t kTickMsMax = 10'000;
// Digests that wait for their turn. When more come, the oldest of them are left to the next round.
constexpr std::size_t kToldMax = 64;
// A leader has its turn also when its followers' shard is told more than it can read.
constexpr int kToldInARowMax = 4;
// Partitions that a turn looks at before others are let to the shard.
constexpr std::size_t kLookedAtMax = 256;

std::int64_t interval_ms(const Shard& shard) {
  return live_number(shard.settings(), *shard.image(), "scrub.interval.ms");
}

// What was written in full and is sealed, and what all replicas have alike.
Offset end_of_sealed(PartitionLog& log) {
  return std::min({log.sealed_end(), log.high_watermark(), log.flushed_end()});
}

bool can_be_read(const Partition& partition) {
  return !partition.is_cutting() && !partition.is_offline();
}

// A sector that cannot be read is as good as one with other bytes.
bool is_damage(const ErrorCode& error) {
  return error == make_error_code(Errc::corrupt_batch) || error == boost::system::errc::io_error;
}

}  // namespace

Scrubber::Scrubber(Shard& shard, ReplicationThrottle& line) : shard_(shard), line_(line) {}

void Scrubber::start() {
  shard_.when_digest_comes([this](const RangeDigest& theirs) { take(theirs); });
  const std::int64_t first_ms = std::min(interval_ms(shard_), kFirstRoundMs);
  round_began_ = steady_now() + milliseconds{first_ms - interval_ms(shard_)};
  tick();
}

void Scrubber::stop() {
  stopped_ = true;
  told_.clear();
  round_.clear();
}

// --- rounds

void Scrubber::tick() {
  if (stopped_) return;
  const std::int64_t interval = interval_ms(shard_);
  const Instant now = steady_now();
  const Instant due = round_began_ + milliseconds{interval};
  if (round_.empty() && now >= due) begin_round();
  const std::int64_t wait_ms = std::clamp<std::int64_t>(interval / 4, 1, kTickMsMax);
  shard_.loop().after(milliseconds{wait_ms}, [this] { tick(); });
}

void Scrubber::begin_round() {
  round_began_ = steady_now();
  at_ = 0;
  from_.reset();
  for (const auto& [key, partition] : shard_.partitions().all()) round_.push_back(key);
  if (round_.empty()) return;
  std::ranges::sort(round_);
  // A broker that never runs for a whole round gets to all of them all the same.
  const std::size_t first = std::hash<Uuid>{}(shard_.incarnation()) % round_.size();
  std::ranges::rotate(round_, round_.begin() + static_cast<std::ptrdiff_t>(first));
  want_turn();
}

void Scrubber::end_round() {
  round_.clear();
  shard_.metrics().scrub_rounds.add();
}

// --- turns: wanted -> in line -> used for a piece, of its own or of what it was told -> wanted

void Scrubber::want_turn() {
  if (stopped_ || is_busy_ || (round_.empty() && told_.empty())) return;
  is_busy_ = true;
  turn_ = line_.stand_in_line(steady_now(), std::exchange(beyond_, 0));
  wait_in_line();
}

void Scrubber::wait_in_line() {
  if (stopped_) return;
  const Instant now = steady_now();
  if (const auto until = line_.waits_until(now, *turn_)) {
    shard_.loop().after(*until - now, [this] { wait_in_line(); });
    return;
  }
  const std::uint64_t bytes = turn_->bytes;
  turn_.reset();
  use_turn(bytes);
}

void Scrubber::use_turn(std::uint64_t bytes) {
  const bool is_ours = told_.empty() || (!round_.empty() && told_in_a_row_ >= kToldInARowMax);
  told_in_a_row_ = is_ours ? 0 : told_in_a_row_ + 1;
  std::optional<Piece> piece = is_ours ? next_own(bytes) : next_told();
  if (piece) return read(std::move(*piece), bytes);
  // Nothing came of it: the bytes are for who comes next.
  beyond_ -= static_cast<std::int64_t>(bytes);
  is_busy_ = false;
  shard_.loop().post([this] { want_turn(); });
}

void Scrubber::read(Piece piece, std::uint64_t turn_bytes) {
  shard_.disk_pool().submit([this, piece = std::move(piece), turn_bytes]() mutable {
    const Result<DigestedRange> found = digest_range(piece.plan, piece.bytes_max);
    // Its last share goes on the shard.
    shard_.loop().post([this, piece = std::move(piece), found, turn_bytes] {
      was_read(piece, found, turn_bytes);
    });
  });
}

void Scrubber::was_read(const Piece& piece, const Result<DigestedRange>& found,
                        std::uint64_t turn_bytes) {
  const std::uint64_t bytes = found ? found.value().bytes : piece.bytes_max;
  beyond_ += static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(turn_bytes);
  is_busy_ = false;
  shard_.loop().post([this] { want_turn(); });
  shard_.metrics().scrub_bytes.add(bytes);
  Partition& partition = *piece.partition;
  const bool is_here = shard_.partitions().find(partition.key()) == &partition;
  const bool is_same = is_here && !partition.is_cutting() && partition.cuts() == piece.cuts;
  const bool is_ours = !piece.theirs && !round_.empty() && round_[at_] == partition.key();
  if (!found || !is_same) {
    if (is_same) leave_out(piece, found.error());
    if (is_ours) ++at_, from_.reset();
    return;
  }
  if (piece.theirs) return compare(piece, found.value());
  if (is_ours) from_ = found.value().end;
  // Where the log begins in a batch that is no longer whole, there may be none.
  if (found.value().bytes == 0) {
    if (is_ours) ++at_, from_.reset();
    return;
  }
  tell_followers(piece, found.value());
}

void Scrubber::leave_out(const Piece& piece, const ErrorCode& error) {
  const Partition& partition = *piece.partition;
  if (!is_damage(error)) {
    // A file that was deleted meanwhile.
    shard_.metrics().scrub_skipped.add();
    return;
  }
  shard_.metrics().scrub_damaged.add();
  log_line(
      LogLevel::error, "scrub",
      "records of sealed segments are damaged; where another replica has them, this one gives its "
      "place up and fetches them again",
      {{"topic", partition.topic()},
       {"partition", partition.key().partition},
       {"from", piece.plan.front().from},
       {"error", error.message()}});
  shard_.found_damage(partition.key());
}

// --- as a leader

std::optional<Scrubber::Piece> Scrubber::next_own(std::uint64_t bytes) {
  for (std::size_t looked_at = 0; at_ < round_.size(); ++at_, from_.reset()) {
    if (++looked_at > kLookedAtMax) return std::nullopt;
    Partition* const partition = shard_.partitions().find(round_[at_]);
    if (partition == nullptr || !partition->leads() || !can_be_read(*partition)) continue;
    if (auto piece = own_piece(*partition, bytes)) return piece;
  }
  if (!round_.empty()) end_round();
  return std::nullopt;
}

std::optional<Scrubber::Piece> Scrubber::own_piece(Partition& partition, std::uint64_t bytes) {
  PartitionLog& log = partition.log();
  const Offset from = std::max(from_.value_or(log.log_start_offset()), log.log_start_offset());
  const Offset end = end_of_sealed(log);
  if (from >= end) return std::nullopt;
  return Piece{.partition = partition.shared_from_this(),
               .leader_epoch = partition.leader_epoch(),
               .cuts = partition.cuts(),
               .plan = plan_digest(log, from, end, bytes),
               .bytes_max = bytes,
               .theirs = std::nullopt};
}

void Scrubber::tell_followers(const Piece& piece, const DigestedRange& found) {
  const Partition& partition = *piece.partition;
  ReplicaTransport* const replicas = shard_.replicas();
  if (!partition.leads() || partition.leader_epoch() != piece.leader_epoch) return;
  if (replicas == nullptr) return;
  const RangeDigest digest{.place = partition.key(),
                           .leader_epoch = piece.leader_epoch,
                           .start = found.start,
                           .end = found.end,
                           .bytes = found.bytes,
                           .xxh3 = found.xxh3};
  for (const LinkId link : partition.leader()->links()) replicas->send(link, digest);
}

// --- as a follower

void Scrubber::take(const RangeDigest& theirs) {
  if (stopped_) return;
  if (told_.size() >= kToldMax) {
    told_.pop_front();
    shard_.metrics().scrub_skipped.add();
  }
  told_.push_back(theirs);
  want_turn();
}

std::optional<Scrubber::Piece> Scrubber::next_told() {
  const RangeDigest theirs = told_.front();
  told_.pop_front();
  Partition* const partition = shard_.partitions().find(theirs.place);
  const bool is_ours = partition != nullptr && partition->follower() != nullptr &&
                       partition->leader_epoch() == theirs.leader_epoch && can_be_read(*partition);
  if (is_ours) {
    PartitionLog& log = partition->log();
    const Offset end = std::min(log.high_watermark(), log.flushed_end());
    if (theirs.start >= log.log_start_offset() && theirs.end <= end) {
      return Piece{.partition = partition->shared_from_this(),
                   .leader_epoch = theirs.leader_epoch,
                   .cuts = partition->cuts(),
                   .plan = plan_digest(log, theirs.start, theirs.end, theirs.bytes),
                   .bytes_max = theirs.bytes,
                   .theirs = theirs};
    }
  }
  shard_.metrics().scrub_skipped.add();
  return std::nullopt;
}

void Scrubber::compare(const Piece& piece, const DigestedRange& found) {
  const Partition& partition = *piece.partition;
  const RangeDigest& theirs = *piece.theirs;
  shard_.metrics().scrub_compared.add();
  const bool is_same = found.start == theirs.start && found.end == theirs.end &&
                       found.bytes == theirs.bytes && found.xxh3 == theirs.xxh3;
  // Of another term it may be that one of the two has been cut since.
  if (is_same || partition.leader_epoch() != piece.leader_epoch) return;
  shard_.metrics().scrub_differences.add();
  log_line(
      LogLevel::error, "scrub",
      "the records of this replica are not its leader's, though neither are damaged; keep both "
      "directories and report it",
      {{"topic", partition.topic()},
       {"partition", partition.key().partition},
       {"leader", partition.leader_id()},
       {"from", theirs.start},
       {"end", theirs.end},
       {"bytes", found.bytes},
       {"leader_bytes", theirs.bytes}});
}

}  // namespace strandline
