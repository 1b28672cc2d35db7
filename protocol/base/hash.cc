#include "protocol/base/hash.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

namespace strandline {

struct Xxh3::State {
  XXH3_state_t xxh;  // 64-byte aligned by its own declaration
};

std::uint64_t xxh3(ByteView bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Xxh3::Xxh3() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh); }
Xxh3::~Xxh3() = default;
Xxh3::Xxh3(Xxh3&&) noexcept = default;
Xxh3& Xxh3::operator=(Xxh3&&) noexcept = default;

void Xxh3::update(ByteView bytes) { XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size()); }
std::uint64_t Xxh3::digest() const { return XXH3_64bits_digest(&state_->xxh); }

}  // namespace strandline
