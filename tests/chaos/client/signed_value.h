// Records that name their writer, in the form of tests/lib/rig/signed.py: every value is unique,
// and damage or a wrong place shows without looking anywhere else.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/bytes.h"

namespace strandline::chaos {

struct Signature {
  std::uint32_t producer = 0;
  std::uint32_t partition = 0;
  std::uint64_t counter = 0;  // of the producer in the partition
};

std::string value_of(const Signature& signature);

// Nothing when no client of ours made it, or it is damaged.
std::optional<Signature> identify(ByteView value);

}  // namespace strandline::chaos
