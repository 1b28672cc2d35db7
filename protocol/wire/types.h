// Types of message fields that are not plain numbers, strings or lists.
//
// Requests are decoded without copies: std::string_view and Records borrow from the frame, which
// must outlive the message. Responses own their strings, so that a handler may compute them.
//
// Thread   values
// Owns     nothing: Records borrow their bytes
#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/base/bytes.h"
#include "protocol/base/errc.h"

namespace strandline::wire {

// Record batches inside a message: either bytes in memory, or a promise that the sender will put
// `external_bytes` bytes there itself (a slice of a segment file, by sendfile). The encoder leaves
// no room for external bytes; it counts them in every length and notes a Splice.
struct Records {
  ByteView bytes;                    // borrowed; unused when external_bytes > 0
  std::uint64_t external_bytes = 0;  // length of what the sender puts in
  std::uint64_t external_id = 0;     // for the sender to know what: comes back in the Splice

  std::uint64_t size_bytes() const { return external_bytes > 0 ? external_bytes : bytes.size(); }

  friend bool operator==(const Records& a, const Records& b) {
    return a.external_bytes == b.external_bytes && a.external_id == b.external_id &&
           std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
  }
};

// The error to put into a response: as kafka_code() translates it, so that a disk error becomes
// kafka_storage_error and one of our own causes the Kafka error of its row.
inline Errc wire_error(const ErrorCode& error) { return static_cast<Errc>(kafka_code(error)); }

enum class IsolationLevel : std::int8_t { read_uncommitted = 0, read_committed = 1 };

// The bitmask of authorized operations when it was not asked for.
inline constexpr std::int32_t kOperationsNotAsked = INT32_MIN;

}  // namespace strandline::wire
