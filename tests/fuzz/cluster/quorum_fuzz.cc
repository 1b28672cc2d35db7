// Arbitrary bytes as what members of the metadata quorum say to each other (the message, and its
// attachments, each behind a length), and as the payload of the vote file; a byte chooses. What
// decodes comes back the same from its own encoding.
#include <vector>

#include "protocol/base/assertion.h"
#include "replication/quorum/quorum_codec.h"
#include "tests/fuzz/storage/sections.h"

namespace strandline {
namespace {

std::vector<ByteView> attachments_of(const QuorumFrame& frame) {
  std::vector<ByteView> attachments;
  for (const auto& attachment : frame.attachments) attachments.emplace_back(*attachment);
  return attachments;
}

void check_batches(const QuorumMessage& message) {
  const auto* replicate = std::get_if<ReplicateRequest>(&message);
  if (replicate == nullptr) return;
  for (const QuorumBatch& batch : replicate->batches) {
    STRANDLINE_ASSERT(batch.base_offset < batch.next_offset);
    STRANDLINE_ASSERT(records_of(batch).has_value());
  }
}

void check_message(Sections input) {
  const ByteView message = input.next();
  std::vector<ByteView> attachments;
  while (!input.empty()) attachments.push_back(input.next());
  const auto received = decode_quorum_message(message, attachments);
  if (!received) return;
  check_batches(received.value().message);
  const QuorumFrame written =
      encode_quorum_message(received.value().cluster_id, received.value().message);
  const auto again = decode_quorum_message(as_bytes(written.message), attachments_of(written));
  STRANDLINE_ASSERT(again.has_value());
  STRANDLINE_ASSERT(again.value().cluster_id == received.value().cluster_id);
  const QuorumFrame rewritten =
      encode_quorum_message(again.value().cluster_id, again.value().message);
  STRANDLINE_ASSERT(rewritten.message == written.message);
  STRANDLINE_ASSERT(rewritten.attachments.size() == written.attachments.size());
  for (std::size_t i = 0; i < written.attachments.size(); ++i) {
    STRANDLINE_ASSERT(*rewritten.attachments[i] == *written.attachments[i]);
  }
}

void check_vote(ByteView bytes) {
  const auto stored = decode_stored_vote(bytes);
  if (!stored) return;
  const std::string written = encode_stored_vote(stored.value());
  const auto again = decode_stored_vote(as_bytes(written));
  STRANDLINE_ASSERT(again.has_value());
  STRANDLINE_ASSERT(encode_stored_vote(again.value()) == written);
}

}  // namespace
}  // namespace strandline

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  if (size == 0) return 0;
  const ByteView bytes{reinterpret_cast<const std::byte*>(data) + 1, size - 1};
  if (data[0] % 2 == 0) {
    check_message(Sections{bytes});
  } else {
    check_vote(bytes);
  }
  return 0;
}
