// What one partition knows of its idempotent producers: which batch each may append next, and which
// one it has sent again. Rules: KIP-98, and docs/formats/snapshots.md for what is kept.
//
// Everything here follows from the batches in the log and their append times: replaying them in
// order through update() gives the same state, so a snapshot only saves the time of the replay.
//
// Thread   one owner (the partition's shard)
// Owns     its entries: nothing for a partition without producers, ~400 bytes each otherwise
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/proto/storage_records.h"
#include "protocol/record/batch.h"

namespace strandline {

inline constexpr std::size_t kProducerBatchesKept = 5;

// The answer to "may this batch be appended?".
struct ProducerCheck {
  bool duplicate = false;
  Offset base_offset = kNoOffset;        // of the original, when a duplicate
  Offset last_offset = kNoOffset;        // a duplicate's answer waits until this one is safe
  Timestamp append_time = kNoTimestamp;  // of the original, when a duplicate
};

class ProducerState {
 public:
  // A producer as it was before an update(). Made for batches of data outside transactions.
  struct Before {
    ProducerId id = kNoProducerId;
    std::optional<ProducerEntry> entry;   // none: it was not known
    std::optional<ProducerId> less_idle;  // who came behind it; none: nobody
  };
  struct Limits {
    std::size_t producers_max = 100'000;  // producer.ids.max; 0: no limit
  };

  ProducerState() = default;
  explicit ProducerState(const Limits& limits) : limits_(limits) {}

  // Looks only; batches without a producer id are always accepted. A whole append is checked batch
  // by batch, each update() before the next check().
  //
  // header   base_offset is ignored
  // Errors   invalid_producer_epoch         the epoch is older than the newest seen
  //          out_of_order_sequence_number   a gap, a very old duplicate, or a new epoch that does
  //                                         not begin at 0
  //          invalid_txn_state              outside a transaction while one is open
  //          invalid_record                 a negative epoch or sequence
  Result<ProducerCheck> check(const BatchHeader& header) const;

  // Whether data of a known producer goes on where it ended, in the same epoch and outside of
  // transactions: a damaged header would hardly say so.
  bool continues(const BatchHeader& header) const;

  // Takes a batch that was appended or is replayed; believes it, checks nothing.
  //
  // header             with the offsets it has in the log
  // append_time        by this broker's clock; on a replay the best that is known
  // coordinator_epoch  of a transaction marker
  void update(const BatchHeader& header, Timestamp append_time,
              std::int32_t coordinator_epoch = -1);

  // What the next update() for that producer changes, so that it can be taken back.
  Before before(ProducerId id) const;
  // Takes an update() back, the newest first.
  //
  // Needs    nothing was dropped or expired since before()
  void take_back(Before before);

  // Forgets producers idle since before `now - idle_ms_max`, except those with an open transaction.
  // Returns how many went.
  std::size_t expire(Timestamp now, std::int64_t idle_ms_max);

  // Forgets all; the owner then restores a snapshot and replays what lies above it.
  void clear();
  void restore(const ProducerSnapshot& snapshot);

  // The state after every batch below `next_offset`, longest idle first.
  ProducerSnapshot snapshot(Offset next_offset) const;

  // For DescribeProducers: all producers by id.
  std::vector<ProducerEntry> describe() const;

  // Where the oldest open transaction begins: readers of committed records stop there.
  std::optional<Offset> first_open_transaction() const;

  std::size_t size() const { return by_id_.size(); }
  bool empty() const { return by_id_.empty(); }

  // Producers dropped because of Limits::producers_max, since construction.
  std::uint64_t dropped() const { return dropped_; }

  void assert_invariants() const;

 private:
  using Entries = std::list<ProducerEntry>;  // longest idle first

  ProducerEntry& entry_for(ProducerId id);
  void drop_longest_idle();
  void erase(Entries::iterator entry);
  void update_marker(ProducerEntry& entry, const BatchHeader& header,
                     std::int32_t coordinator_epoch);
  void update_data(ProducerEntry& entry, const BatchHeader& header, Timestamp append_time);

  Limits limits_;
  Entries entries_;
  std::map<ProducerId, Entries::iterator> by_id_;
  std::map<Offset, ProducerId> open_transactions_;  // by their first offset
  std::uint64_t dropped_ = 0;
};

// The rules of check() for one known producer.
Result<ProducerCheck> check_against(const ProducerEntry& entry, const BatchHeader& header);

}  // namespace strandline
