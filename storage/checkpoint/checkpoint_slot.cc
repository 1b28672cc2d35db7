#include "storage/checkpoint/checkpoint_slot.h"

#include <algorithm>
#include <optional>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"

namespace strandline {
namespace {

constexpr std::string_view kMagic = "SLCK";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kGenerationAt = 8;
constexpr std::size_t kImageFramesAt = 16;
constexpr std::size_t kHeaderHashAt = 24;

std::uint64_t frame_hash(std::uint64_t generation, std::uint32_t number, ByteView payload) {
  std::byte prefix[16];
  store_be<std::uint64_t>(prefix, generation);
  store_be<std::uint32_t>(prefix + 8, static_cast<std::uint32_t>(payload.size()));
  store_be<std::uint32_t>(prefix + 12, number);
  Xxh3 hash;
  hash.update(prefix);
  hash.update(payload);
  return hash.digest();
}

// The payload of the frame at the front of `bytes`, if it is whole and the expected one.
std::optional<ByteView> take_frame(ByteView bytes, std::uint64_t generation, std::uint32_t number) {
  if (bytes.size() < kSlotFrameHeaderBytes) return std::nullopt;
  const std::size_t length = load_be<std::uint32_t>(bytes.data());
  if (length > bytes.size() - kSlotFrameHeaderBytes) return std::nullopt;
  const ByteView payload = bytes.subspan(kSlotFrameHeaderBytes, length);
  if (load_be<std::uint32_t>(bytes.data() + 4) != number ||
      load_be<std::uint64_t>(bytes.data() + 8) != frame_hash(generation, number, payload)) {
    return std::nullopt;
  }
  return payload;
}

bool apply(SlotContent& content, ByteView payload) {
  auto entries = decode_checkpoint_entries(payload);
  if (!entries.has_value()) return false;
  for (CheckpointEntry& entry : entries.value()) {
    if (entry.removed) {
      content.partitions.erase(entry.key);
    } else {
      content.partitions[entry.key] = std::move(entry.state);
    }
  }
  return true;
}

}  // namespace

std::vector<std::byte> encode_slot_header(std::uint64_t generation, std::uint32_t image_frames) {
  std::vector<std::byte> bytes(kSlotHeaderBytes);
  const ByteView magic = as_bytes(kMagic);
  std::copy(magic.begin(), magic.end(), bytes.begin());
  store_be<std::uint16_t>(&bytes[4], kVersion);
  store_be<std::uint64_t>(&bytes[kGenerationAt], generation);
  store_be<std::uint32_t>(&bytes[kImageFramesAt], image_frames);
  store_be<std::uint64_t>(&bytes[kHeaderHashAt], xxh3(ByteView{bytes}.first(kHeaderHashAt)));
  return bytes;
}

void append_slot_frame(std::vector<std::byte>& to, std::uint64_t generation, std::uint32_t number,
                       ByteView payload) {
  const std::size_t at = to.size();
  to.resize(at + kSlotFrameHeaderBytes);
  store_be<std::uint32_t>(&to[at], static_cast<std::uint32_t>(payload.size()));
  store_be<std::uint32_t>(&to[at + 4], number);
  store_be<std::uint64_t>(&to[at + 8], frame_hash(generation, number, payload));
  to.insert(to.end(), payload.begin(), payload.end());
}

std::vector<std::byte> encode_slot_image(std::uint64_t generation,
                                         const std::vector<CheckpointEntry>& entries,
                                         std::uint32_t& frames) {
  frames = static_cast<std::uint32_t>((entries.size() + kEntriesPerImageFrame - 1) /
                                      kEntriesPerImageFrame);
  std::vector<std::byte> bytes = encode_slot_header(generation, frames);
  for (std::uint32_t number = 0; number < frames; ++number) {
    const auto first = entries.begin() + static_cast<long>(number * kEntriesPerImageFrame);
    const auto count =
        std::min<long>(static_cast<long>(kEntriesPerImageFrame), entries.end() - first);
    const std::string payload = encode_checkpoint_entries({first, first + count});
    append_slot_frame(bytes, generation, number, as_bytes(payload));
  }
  return bytes;
}

Result<SlotContent> decode_slot(ByteView bytes) {
  SlotContent content;
  if (bytes.size() < kSlotHeaderBytes || as_text(bytes.first(kMagic.size())) != kMagic ||
      load_be<std::uint64_t>(&bytes[kHeaderHashAt]) != xxh3(bytes.first(kHeaderHashAt))) {
    content.problem = "its header at position 0 is damaged or was never finished";
    return content;
  }
  if (load_be<std::uint16_t>(&bytes[4]) > kVersion) return Errc::unsupported_format;
  content.generation = load_be<std::uint64_t>(&bytes[kGenerationAt]);
  const std::uint32_t image_frames = load_be<std::uint32_t>(&bytes[kImageFramesAt]);
  content.end = kSlotHeaderBytes;
  for (std::uint32_t number = 0;; ++number) {
    const auto payload = take_frame(bytes.subspan(content.end), content.generation, number);
    const bool good = payload.has_value() && apply(content, *payload);
    if (!good && number < image_frames) {
      content.problem =
          "its image is damaged or was never finished at position " + std::to_string(content.end);
      return content;
    }
    if (!good) break;
    content.end += kSlotFrameHeaderBytes + payload->size();
  }
  content.usable = true;
  content.ignored_bytes = bytes.size() - content.end;
  return content;
}

}  // namespace strandline
