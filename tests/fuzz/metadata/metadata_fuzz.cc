// Arbitrary bytes as metadata records and snapshots, behind checksums made right: what a checksum
// lets through was written by some broker, but not necessarily by this one's version.
#include <string>

#include "protocol/base/assertion.h"
#include "protocol/base/hash.h"
#include "replication/metadata/snapshot.h"

namespace {

using namespace strandline;

std::byte* bytes_of(std::string& text) { return reinterpret_cast<std::byte*>(text.data()); }

void apply_record(MetadataState& state, std::string_view message) {
  std::string value(9, '\1');
  store_be<std::uint64_t>(bytes_of(value) + 1, xxh3(as_bytes(message)));
  value.append(message);
  const auto record = decode_metadata_record(as_bytes(value));
  if (!record) return;
  const auto again = decode_metadata_record(as_bytes(encode_metadata_record(record.value())));
  STRANDLINE_ASSERT(again.has_value());
  STRANDLINE_ASSERT(again.value() == record.value());
  STRANDLINE_ASSERT(!describe(record.value()).empty());
  (void)state.apply(record.value());
}

// What a state accepted, its snapshot rebuilds.
void check_snapshot(const MetadataState& state) {
  const auto file = encode_snapshot(state.image(), Offset{5}, LeaderEpoch{3});
  const auto snapshot = decode_snapshot(as_bytes(file));
  STRANDLINE_ASSERT(snapshot.has_value());
  MetadataState rebuilt{snapshot.value().cluster_id};
  for (const auto& record : snapshot.value().records) {
    STRANDLINE_ASSERT(rebuilt.apply(record).has_value());
  }
  STRANDLINE_ASSERT(encode_snapshot(rebuilt.image(), Offset{5}, LeaderEpoch{3}) == file);
}

void decode_as_snapshot(std::string file) {
  constexpr std::size_t kVersionAt = 6;
  constexpr std::size_t kSumBytes = 8;
  (void)decode_snapshot(as_bytes(file));
  if (file.size() < kVersionAt + 2) return;
  const bool is_first = load_be<std::uint16_t>(bytes_of(file) + kVersionAt) == 1;
  const std::size_t sum_at = is_first ? 40 : 48;
  if (file.size() < sum_at + kSumBytes) return;
  Xxh3 sum;
  sum.update(as_bytes(file).first(sum_at));
  sum.update(as_bytes(file).subspan(sum_at + kSumBytes));
  store_be<std::uint64_t>(bytes_of(file) + sum_at, sum.digest());
  (void)decode_snapshot(as_bytes(file));
}

}  // namespace

// The first byte chooses: a snapshot file, or messages each behind a byte with its length.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest{reinterpret_cast<const char*>(data) + 1, size - 1};
  if (data[0] % 2 == 0) {
    decode_as_snapshot(std::string{rest});
    return 0;
  }
  MetadataState state{Uuid{}};
  while (!rest.empty()) {
    const auto length = std::min<std::size_t>(static_cast<unsigned char>(rest[0]), rest.size() - 1);
    apply_record(state, rest.substr(1, length));
    rest.remove_prefix(1 + length);
  }
  check_snapshot(state);
  return 0;
}
