// Cuts what a broker served of a partition into batches, and holds it to what a log promises.
//
// Thread   pure functions
// Owns     nothing: batches are views into what was served
#pragma once

#include <cstddef>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"

namespace strandline::client {

// How far a partition has been read.
struct FetchPosition {
  Offset offset{};                     // of the next record to read
  LeaderEpoch epoch = kNoLeaderEpoch;  // of the record before it, where that is known

  friend bool operator==(const FetchPosition&, const FetchPosition&) = default;
};

struct FetchedBatches {
  std::vector<ByteView> batches;  // whole ones, in order, without transaction markers
  std::size_t bytes = 0;          // of these
  FetchPosition next;             // behind the last good batch, markers included
  Errc damage = Errc::ok;         // why it goes no further, though there is more
};

// The first batch may begin before `from`: its reader skips what it has. Behind it each begins
// where the one before ended or later (compaction leaves gaps), and leader epochs never fall. The
// last may be cut off; some brokers do that, and the next fetch has it whole.
//
// damage   corrupt_batch       checksum, lengths, offsets or epochs are wrong, or there is no whole
//                              batch that reaches `from`
//          unsupported_magic   a format before v2
FetchedBatches cut_batches(const FetchPosition& from, ByteView served);

}  // namespace strandline::client
