// Batches whose bytes are known: captured from clients or computed by hand from
// the format.
//
// Thread   constants
#pragma once

#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"

namespace strandline::test {

inline int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

// Bytes from hex digits; blanks are ignored.
inline std::vector<std::byte> hex(std::string_view text) {
  std::vector<std::byte> bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    if (high < 0) {
      high = hex_digit(c);
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + hex_digit(c)));
      high = -1;
    }
  }
  return bytes;
}

// librdkafka: one record, key k1, value v1, header h=x.
inline constexpr std::string_view kBatchA =
    "0000000000000000 00000040 00000000 02 609232ed 0000 00000000 "
    "000001a1fbbaf7bf "
    "000001a1fbbaf7bf ffffffffffffffff ffff ffffffff 00000001 "
    "1c 00 00 00 04 6b31 04 7631 02 02 68 02 78";

// @platformatic/kafka: two records, epoch and sequence 0 although there is no
// producer id.
inline constexpr std::string_view kBatchB =
    "0000000000000000 00000043 00000000 02 4e9ad0a7 0000 00000001 "
    "000001a1fbbafc77 "
    "000001a1fbbafc77 ffffffffffffffff 0000 00000000 00000002 "
    "10 00 00 00 02 6b 02 76 00 10 00 00 02 02 7a 02 77 00";

// COMMIT marker at offset 42, leader epoch 5, producer 1000 epoch 3,
// coordinator epoch 7.
inline constexpr std::string_view kCommitMarker =
    "000000000000002a 00000042 00000005 02 ad320ccb 0030 00000000 "
    "0000018bcfe56800 "
    "0000018bcfe56800 00000000000003e8 0003 ffffffff 00000001 "
    "20 00 00 00 08 00000001 0c 000000000007 00";

// Transactional, producer 1000 epoch 3, base sequence 2^31-1: (null, a) and (k,
// null, h=null).
inline constexpr std::string_view kTransactionalBatch =
    "0000000000000000 00000044 ffffffff 02 99406f13 0010 00000001 "
    "0000018bcfe56800 "
    "0000018bcfe56805 00000000000003e8 0003 7fffffff 00000002 "
    "0e 00 00 00 01 02 61 00 14 00 0a 02 02 6b 01 02 02 68 01";

}  // namespace strandline::test
