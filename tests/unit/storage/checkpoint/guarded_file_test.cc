#include "storage/checkpoint/guarded_file.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <set>

#include "protocol/base/errc.h"
#include "storage/io/sim_disk.h"

namespace strandline {
namespace {

constexpr FileKind kKind{.magic = "TEST", .version = 2};

std::string text_of(const std::vector<std::byte>& bytes) { return std::string{as_text(bytes)}; }

TEST_CASE("guarded file: comes back as written", "[checkpoint]") {
  SimDisk disk{1};
  for (const std::string& payload : {std::string{}, std::string{"a"}, std::string(100'000, 'p')}) {
    REQUIRE(replace_file(disk, "file", kKind, as_bytes(payload)).has_value());
    CHECK(text_of(read_file(disk, "file", kKind).value()) == payload);
  }
  CHECK(disk.list("").value() == std::vector<std::string>{"file"});
  CHECK(read_file(disk, "other", kKind).error() ==
        ErrorCode{ENOENT, boost::system::system_category()});
}

TEST_CASE("guarded file: every flipped bit and every missing byte is found out", "[checkpoint]") {
  const std::vector<std::byte> good = seal(kKind, as_bytes("payload"));
  REQUIRE(as_text(unseal(kKind, good).value()) == "payload");
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= std::byte{static_cast<unsigned char>(1U << (bit % 8))};
    REQUIRE(unseal(kKind, bad).error() == Errc::corrupt_file);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    REQUIRE(unseal(kKind, ByteView{good}.first(size)).error() == Errc::corrupt_file);
  }
  auto longer = good;
  longer.push_back(std::byte{0});
  CHECK(unseal(kKind, longer).error() == Errc::corrupt_file);
}

TEST_CASE("guarded file: a newer version is told apart from damage", "[checkpoint]") {
  const auto newer = seal({.magic = "TEST", .version = 3}, as_bytes("x"));
  CHECK(unseal(kKind, newer).error() == Errc::unsupported_format);
  const auto older = seal({.magic = "TEST", .version = 1}, as_bytes("x"));
  CHECK(unseal(kKind, older).has_value());
  const auto foreign = seal({.magic = "ELSE", .version = 2}, as_bytes("x"));
  CHECK(unseal(kKind, foreign).error() == Errc::corrupt_file);
}

TEST_CASE("guarded file: a crash at any step leaves the old file or the new one, whole",
          "[checkpoint]") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    for (int step = 1; step < 20; ++step) {
      SimDisk disk{seed};
      REQUIRE(replace_file(disk, "file", kKind, as_bytes("old")).has_value());
      int calls = 0;
      disk.on_operation([&](DiskCall, const std::string&) {
        if (++calls == step) throw CrashNow{};
      });
      bool finished = false;
      try {
        // Outside REQUIRE, which would catch CrashNow.
        finished = replace_file(disk, "file", kKind, as_bytes("new")).has_value();
        REQUIRE(finished);
      } catch (const CrashNow&) {
        REQUIRE(calls >= step);
      }
      disk.on_operation(nullptr);
      disk.crash(seed % 2 == 0 ? CrashModel::power_loss_torn() : CrashModel::power_loss());
      const std::string left = text_of(read_file(disk, "file", kKind).value());
      seen.insert(left);
      REQUIRE((left == "new" || (left == "old" && !finished)));
      if (finished) break;
    }
  }
  CHECK(seen == std::set<std::string>{"new", "old"});
}

TEST_CASE("guarded file: a write that fails leaves the old file", "[checkpoint]") {
  SimDisk disk{1};
  REQUIRE(replace_file(disk, "file", kKind, as_bytes("old")).has_value());
  for (const DiskCall call : {DiskCall::write, DiskCall::sync, DiskCall::rename}) {
    disk.plan({.call = call, .nth = 1});
    CHECK(replace_file(disk, "file", kKind, as_bytes("new")).has_error());
    CHECK(text_of(read_file(disk, "file", kKind).value()) == "old");
  }
  CHECK(replace_file(disk, "file", kKind, as_bytes("new")).has_value());
}

}  // namespace
}  // namespace strandline
