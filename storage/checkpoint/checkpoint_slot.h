// One slot of the checkpoint as bytes: a header, the frames of the image, the frames of the
// journal. Format: docs/formats/checkpoint.md
//
//   header  magic "SLCK" (4) | version (2) | zero (2) | generation (8) | image frames (4) | zero
//   (4)
//           | XXH3-64 of the 24 bytes before (8)
//   frame   payload length (4) | frame number (4) | XXH3-64 (8) | payload
//
// A frame's hash covers the slot's generation, its length, number and payload: what an older use of
// the file left behind never fits.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "protocol/proto/storage_records.h"

namespace strandline {

inline constexpr std::size_t kSlotHeaderBytes = 32;
inline constexpr std::size_t kSlotFrameHeaderBytes = 16;
inline constexpr std::size_t kEntriesPerImageFrame = 256;  // some 16 KiB: a torn one loses little

std::vector<std::byte> encode_slot_header(std::uint64_t generation, std::uint32_t image_frames);

void append_slot_frame(std::vector<std::byte>& to, std::uint64_t generation, std::uint32_t number,
                       ByteView payload);

// The whole image, header first; the number of frames goes to `frames`.
std::vector<std::byte> encode_slot_image(std::uint64_t generation,
                                         const std::vector<CheckpointEntry>& entries,
                                         std::uint32_t& frames);

struct SlotContent {
  bool usable = false;
  std::string problem;           // when not usable: what is wrong, and where
  std::uint64_t generation = 0;  // 0: the header does not say
  std::map<PartitionKey, PartitionCheckpoint> partitions;
  std::uint64_t end = 0;            // of the last good frame
  std::uint64_t ignored_bytes = 0;  // behind it
};

// Errors   unsupported_format   written by a newer version
Result<SlotContent> decode_slot(ByteView bytes);

}  // namespace strandline
