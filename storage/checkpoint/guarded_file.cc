#include "storage/checkpoint/guarded_file.h"

#include <algorithm>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "storage/io/path.h"

namespace strandline {
namespace {

constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kLengthAt = 8;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kHashBytes = 8;
// Far more than any file of this form needs; keeps a broken size from filling the memory.
constexpr std::uint64_t kFileBytesMax = 1 << 30;

}  // namespace

std::vector<std::byte> seal(const FileKind& kind, ByteView payload) {
  STRANDLINE_ASSERT(kind.magic.size() == kMagicBytes);
  STRANDLINE_ASSERT(payload.size() < kFileBytesMax);
  std::vector<std::byte> bytes(kHeaderBytes + payload.size() + kHashBytes);
  const ByteView magic = as_bytes(kind.magic);
  std::copy(magic.begin(), magic.end(), bytes.begin());
  store_be<std::uint16_t>(&bytes[kVersionAt], kind.version);
  store_be<std::uint32_t>(&bytes[kLengthAt], static_cast<std::uint32_t>(payload.size()));
  std::copy(payload.begin(), payload.end(), bytes.begin() + kHeaderBytes);
  const std::size_t hash_at = kHeaderBytes + payload.size();
  store_be<std::uint64_t>(&bytes[hash_at], xxh3(ByteView{bytes}.first(hash_at)));
  return bytes;
}

Result<ByteView> unseal(const FileKind& kind, ByteView bytes) {
  if (bytes.size() < kHeaderBytes + kHashBytes) return Errc::corrupt_file;
  if (as_text(bytes.first(kMagicBytes)) != kind.magic) return Errc::corrupt_file;
  const std::size_t length = load_be<std::uint32_t>(&bytes[kLengthAt]);
  if (bytes.size() != kHeaderBytes + length + kHashBytes) return Errc::corrupt_file;
  const std::size_t hash_at = kHeaderBytes + length;
  if (load_be<std::uint64_t>(&bytes[hash_at]) != xxh3(bytes.first(hash_at))) {
    return Errc::corrupt_file;
  }
  // Only a version that the checksum vouches for is another program's and not damage.
  if (load_be<std::uint16_t>(&bytes[kVersionAt]) > kind.version) return Errc::unsupported_format;
  return bytes.subspan(kHeaderBytes, length);
}

Result<void> replace_bytes(Disk& disk, std::string_view path, ByteView bytes, Replacement how) {
  // What a reader would refuse is not written in the first place.
  if (bytes.size() > kFileBytesMax)
    return boost::system::errc::make_error_code(boost::system::errc::file_too_large);
  const std::string unfinished = std::string{path} + std::string{kUnfinishedSuffix};
  {
    STRANDLINE_TRY(auto file, disk.open(unfinished, OpenMode::create_or_open));
    STRANDLINE_TRYV(file->truncate(0));  // what an earlier crash left
    STRANDLINE_TRYV(file->write_at(0, bytes));
    if (how == Replacement::durable) {
      STRANDLINE_TRYV(file->sync());
    }
  }
  STRANDLINE_TRYV(disk.rename(unfinished, path));
  if (how == Replacement::durable) {
    STRANDLINE_TRYV(disk.sync_directory(parent_path(path)));
  }
  return success();
}

Result<void> replace_file(Disk& disk, std::string_view path, const FileKind& kind, ByteView payload,
                          Replacement how) {
  return replace_bytes(disk, path, seal(kind, payload), how);
}

Result<std::vector<std::byte>> read_bytes(Disk& disk, std::string_view path) {
  STRANDLINE_TRY(auto file, disk.open(path, OpenMode::read));
  STRANDLINE_TRY(const std::uint64_t size, file->size());
  if (size > kFileBytesMax) return Errc::corrupt_file;
  std::vector<std::byte> bytes(size);
  STRANDLINE_TRY(const std::size_t got, file->read_at(0, bytes));
  bytes.resize(got);
  return bytes;
}

Result<std::vector<std::byte>> read_file(Disk& disk, std::string_view path, const FileKind& kind) {
  STRANDLINE_TRY(const auto bytes, read_bytes(disk, path));
  STRANDLINE_TRY(const ByteView payload, unseal(kind, bytes));
  return std::vector<std::byte>{payload.begin(), payload.end()};
}

}  // namespace strandline
