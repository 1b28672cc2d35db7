#include <algorithm>
#include <cerrno>

#include "protocol/base/errc.h"
#include "storage/io/sim_node.h"

namespace strandline {
namespace {

ErrorCode system_error(int number) { return {number, boost::system::system_category()}; }

}  // namespace

SimFile::SimFile(SimDisk& disk, std::string path, std::shared_ptr<SimDisk::Node> node,
                 bool writable)
    : disk_(disk),
      path_(std::move(path)),
      node_(std::move(node)),
      writable_(writable),
      generation_(disk.generation_) {}

Result<void> SimFile::begin(DiskCall call, std::unique_lock<std::mutex>& lock, bool writes) const {
  STRANDLINE_TRYV(disk_.begin(call, path_, lock));
  if (generation_ != disk_.generation_) return system_error(EIO);
  if (writes && !writable_) return system_error(EBADF);
  return success();
}

bool SimFile::alive(std::unique_lock<std::mutex>& lock) const {
  lock = std::unique_lock{disk_.mutex_};
  return !disk_.halted_ && generation_ == disk_.generation_;
}

Result<std::size_t> SimFile::read_at(std::uint64_t position, MutableByteView to) const {
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::read, lock));
  return node_->content.read(position, to);
}

Result<std::size_t> SimFile::read_at_nowait(std::uint64_t position, MutableByteView to) const {
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::read, lock));
  if (!node_->content.is_resident(position, to.size())) return Errc::would_block;
  return node_->content.read(position, to);
}

Result<void> SimFile::write_at(std::uint64_t position, std::span<const ByteView> pieces) {
  std::uint64_t total = 0;
  for (const ByteView piece : pieces) total += piece.size();
  std::unique_lock<std::mutex> lock;
  const auto begun = begin(DiskCall::write, lock, true);
  if (!lock.owns_lock() || generation_ != disk_.generation_ || !writable_) return begun;
  // A write that fails may have done some of its work.
  std::uint64_t possible = begun.has_value() ? total : disk_.prng_.below(total + 1);
  if (disk_.capacity_bytes_ != SimDisk::kUnlimited) {  // adding up the files takes time
    const std::uint64_t used = disk_.used_locked();
    const std::uint64_t room =
        node_->content.size() + (disk_.capacity_bytes_ > used ? disk_.capacity_bytes_ - used : 0);
    possible = std::min(possible, room > position ? room - position : 0);
  }
  std::uint64_t left = possible;
  for (const ByteView piece : pieces) {
    const std::uint64_t count = std::min<std::uint64_t>(left, piece.size());
    node_->content.write(position, piece.first(count));
    position += count;
    left -= count;
  }
  if (begun.has_value() && possible < total) return system_error(ENOSPC);
  return begun;
}

Result<void> SimFile::sync() {
  std::unique_lock<std::mutex> lock;
  const auto begun = begin(DiskCall::sync, lock);
  if (!lock.owns_lock() || generation_ != disk_.generation_) return begun;
  if (begun.has_value()) {
    if (disk_.lies_[static_cast<std::size_t>(DiskCall::sync)]) return begun;
    node_->content.sync();
  } else {
    node_->content.sync_failed(disk_.prng_);
  }
  return begun;
}

Result<std::uint64_t> SimFile::size() const {
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::size, lock));
  return node_->content.size();
}

Result<void> SimFile::truncate(std::uint64_t size) {
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::truncate, lock, true));
  node_->content.truncate(size);
  return success();
}

Result<void> SimFile::allocate(std::uint64_t position, std::uint64_t length) {
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::allocate, lock, true));
  if (disk_.capacity_bytes_ == SimDisk::kUnlimited) return success();
  const std::uint64_t used = disk_.used_locked();
  const std::uint64_t size = node_->content.size();
  const std::uint64_t end = position + length;
  if (end > size && used + (end - size) > disk_.capacity_bytes_) return system_error(ENOSPC);
  return success();
}

void SimFile::start_writeback(std::uint64_t, std::uint64_t) {}  // promises nothing, does nothing

void SimFile::drop_cache(std::uint64_t position, std::uint64_t length) {
  std::unique_lock<std::mutex> lock;
  if (alive(lock)) node_->content.drop_cache(position, length);
}

void SimFile::read_ahead(std::uint64_t position, std::uint64_t length) {
  std::unique_lock<std::mutex> lock;
  if (alive(lock)) node_->content.make_resident(position, length);
}

bool SimFile::is_cached(std::uint64_t position, std::uint64_t length) const {
  std::unique_lock<std::mutex> lock;
  return alive(lock) && node_->content.is_resident(position, length);
}

Result<std::shared_ptr<const FdLease>> SimFile::lease() const {
  return ErrorCode{ENOTSUP, boost::system::system_category()};
}

}  // namespace strandline
