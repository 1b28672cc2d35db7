// Small files that are replaced as a whole: after a crash there is the old one or the new one, and
// damage is found out. Format: docs/formats/checkpoint.md
//
//   magic (4) | version (2) | zero (2) | payload length (4) | payload | XXH3-64 of all before (8)
//
// numbers most significant byte first. A crash may leave `<name>.tmp`, which the next write reuses.
//
// Thread   any; writes of one path must not overlap
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "storage/io/disk.h"

namespace strandline {

struct FileKind {
  std::string_view magic;     // 4 characters
  std::uint16_t version = 1;  // the newest this program reads, and the one it writes
};

inline constexpr std::string_view kUnfinishedSuffix = ".tmp";

enum class Replacement {
  durable,     // survives a power loss when the call returns
  eventually,  // atomic as long as the machine lives; a power loss may leave a broken file
};

std::vector<std::byte> seal(const FileKind& kind, ByteView payload);

// The payload within `bytes`.
//
// Errors   corrupt_file         wrong magic, length or checksum
//          unsupported_format   a version newer than the kind's
Result<ByteView> unseal(const FileKind& kind, ByteView bytes);

// Writes `path`.tmp and renames it to `path`.
//
// Errors   any I/O code; what was at `path` is still there then
Result<void> replace_file(Disk& disk, std::string_view path, const FileKind& kind, ByteView payload,
                          Replacement how = Replacement::durable);

// The two for files that carry a checksum of another form: the bytes are all there is.
//
// Errors   file_too_large   more than a GiB; any I/O code, ENOENT when read
Result<void> replace_bytes(Disk& disk, std::string_view path, ByteView bytes,
                           Replacement how = Replacement::durable);
Result<std::vector<std::byte>> read_bytes(Disk& disk, std::string_view path);

// Errors   ENOENT; as unseal(); any I/O code
Result<std::vector<std::byte>> read_file(Disk& disk, std::string_view path, const FileKind& kind);

}  // namespace strandline
