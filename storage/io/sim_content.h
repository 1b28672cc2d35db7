// The bytes of one simulated file, twice: as the page cache shows them and as the device has them.
//
// Thread   one owner (SimDisk, under its mutex)
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/prng.h"

namespace strandline {

// What of the unsynced state a crash leaves behind.
struct CrashModel {
  enum class Bytes : std::uint8_t {
    none,    // unsynced bytes are gone
    random,  // of each unsynced page a coin decides; sizes, truncations and sectors likewise
    all,     // only the process died
  };
  enum class Names : std::uint8_t {
    none,    // creations, renames and removals without sync_directory are undone
    random,  // a random number of the oldest ones stays, as a journal would have it
    all,
  };
  Bytes bytes = Bytes::none;
  Names names = Names::none;

  static constexpr CrashModel process_kill() { return {Bytes::all, Names::all}; }
  static constexpr CrashModel power_loss() { return {Bytes::none, Names::none}; }
  // The journal was written, the data was not: new files are there with length 0.
  static constexpr CrashModel power_loss_keeping_names() { return {Bytes::none, Names::all}; }
  static constexpr CrashModel power_loss_torn() { return {Bytes::random, Names::random}; }
};

class SimContent {
 public:
  static constexpr std::uint64_t kPageBytes = 4096;
  static constexpr std::uint64_t kSectorBytes = 512;

  std::uint64_t size() const { return cached_.size(); }
  std::uint64_t dirty_pages() const { return dirty_.size(); }

  // Reads what there is; the pages become resident.
  std::size_t read(std::uint64_t position, MutableByteView to);
  bool is_resident(std::uint64_t position, std::uint64_t length) const;
  void make_resident(std::uint64_t position, std::uint64_t length);

  void write(std::uint64_t position, ByteView bytes);
  void truncate(std::uint64_t size);

  void sync();

  // Whether the device has these bytes there: what a power loss leaves in any case.
  bool is_on_device(std::uint64_t position, ByteView bytes) const;

  // A failed sync: some pages (the Prng decides which) reached the device, the others never will,
  // but all count as clean now and the cache goes on showing them.
  void sync_failed(Prng& prng);

  // Clean pages show the device's bytes again and are no longer resident.
  void drop_cache(std::uint64_t position, std::uint64_t length);

  void crash(CrashModel::Bytes model, Prng& prng);

  // One bit turns on the device; the cache shows it when the page is clean and `in_cache_too`.
  void flip_bit(std::uint64_t position, unsigned bit, bool in_cache_too);

 private:
  void load_page(std::uint64_t page);
  void write_page_back(std::uint64_t page);
  void crash_randomly(Prng& prng);
  std::vector<std::byte> after_truncation(Prng& prng, std::uint64_t& usable_end) const;
  void keep_page(std::vector<std::byte>& to, std::uint64_t page, std::uint64_t end,
                 Prng& prng) const;

  std::vector<std::byte> cached_;
  std::vector<std::byte> device_;
  std::set<std::uint64_t> dirty_;
  std::set<std::uint64_t> resident_;
  std::uint64_t smallest_size_ = 0;  // since the last sync: what a truncation may have cut to
};

}  // namespace strandline
