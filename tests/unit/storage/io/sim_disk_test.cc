#include "storage/io/sim_disk.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <set>
#include <string>

#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr std::size_t kPage = SimContent::kPageBytes;

ErrorCode system_error(int number) { return {number, boost::system::system_category()}; }

std::string read_all(const File& file) {
  std::string text(file.size().value(), '?');
  REQUIRE(file.read_at(0, {reinterpret_cast<std::byte*>(text.data()), text.size()}).has_value());
  return text;
}

std::string read_path(SimDisk& disk, const std::string& path) {
  return read_all(*disk.open(path, OpenMode::read).value());
}

// A file that survives with `bytes`.
std::shared_ptr<File> durable_file(SimDisk& disk, const std::string& path, std::string_view bytes) {
  auto file = disk.open(path, OpenMode::create_or_open).value();
  REQUIRE(file->write_at(0, as_bytes(bytes)).has_value());
  REQUIRE(file->sync().has_value());
  REQUIRE(disk.sync_directory("").has_value());
  return file;
}

TEST_CASE("SimDisk: a power loss takes what was not synced and nothing else", "[disk][sim]") {
  SimDisk disk{1};
  auto file = durable_file(disk, "log", "synced");
  REQUIRE(file->write_at(6, as_bytes(" lost")).has_value());
  CHECK(read_all(*file) == "synced lost");
  disk.crash(CrashModel::power_loss());
  CHECK(read_path(disk, "log") == "synced");
}

TEST_CASE("SimDisk: the end of a process takes nothing the kernel had", "[disk][sim]") {
  SimDisk disk{1};
  auto file = disk.open("log", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("kept")).has_value());
  disk.crash(CrashModel::process_kill());
  CHECK(read_path(disk, "log") == "kept");
  CHECK(file->size().error() == system_error(EIO));
  disk.crash(CrashModel::power_loss());  // and it is still not on the device
  CHECK_FALSE(disk.exists("log").value());
}

TEST_CASE("SimDisk: names live only once their directory was synced", "[disk][sim]") {
  SimDisk disk{1};
  REQUIRE(disk.create_directories("topic-0").has_value());
  auto file = disk.open("topic-0/log", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("x")).has_value());
  REQUIRE(file->sync().has_value());
  SECTION("neither directory") {
    disk.crash(CrashModel::power_loss());
    CHECK_FALSE(disk.exists("topic-0").value());
  }
  SECTION("only the parent") {
    REQUIRE(disk.sync_directory("").has_value());
    disk.crash(CrashModel::power_loss());
    CHECK(disk.list("topic-0").value().empty());
  }
  SECTION("both") {
    REQUIRE(disk.sync_directory("").has_value());
    REQUIRE(disk.sync_directory("topic-0").has_value());
    disk.crash(CrashModel::power_loss());
    CHECK(read_path(disk, "topic-0/log") == "x");
  }
}

TEST_CASE("SimDisk: tells what is durable without losing the rest", "[disk][sim]") {
  SimDisk disk{1};
  auto file = disk.open("log", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("synced")).has_value());
  REQUIRE(file->sync().has_value());
  CHECK_FALSE(disk.has_durably("log", 0, as_bytes("synced")));  // its name is not
  REQUIRE(disk.sync_directory("").has_value());
  CHECK(disk.has_durably("log", 0, as_bytes("synced")));
  CHECK(disk.has_durably("log", 2, as_bytes("nced")));
  CHECK_FALSE(disk.has_durably("log", 3, as_bytes("nced")));
  REQUIRE(file->write_at(6, as_bytes(" not")).has_value());
  CHECK_FALSE(disk.has_durably("log", 6, as_bytes(" not")));
  CHECK_FALSE(disk.has_durably("other", 0, as_bytes("synced")));
  CHECK(read_all(*file) == "synced not");
}

TEST_CASE("SimDisk: a rename without a directory sync is undone", "[disk][sim]") {
  SimDisk disk{1};
  durable_file(disk, "meta", "old");
  auto fresh = disk.open("meta.tmp", OpenMode::create_new).value();
  REQUIRE(fresh->write_at(0, as_bytes("new")).has_value());
  REQUIRE(fresh->sync().has_value());
  REQUIRE(disk.rename("meta.tmp", "meta").has_value());
  CHECK(read_path(disk, "meta") == "new");
  disk.crash(CrashModel::power_loss());
  CHECK(read_path(disk, "meta") == "old");
}

TEST_CASE("SimDisk: a rename of an unsynced file can leave an empty one", "[disk][sim]") {
  SimDisk disk{1};
  durable_file(disk, "meta", "old");
  auto fresh = disk.open("meta.tmp", OpenMode::create_new).value();
  REQUIRE(fresh->write_at(0, as_bytes("new")).has_value());
  REQUIRE(disk.rename("meta.tmp", "meta").has_value());
  disk.crash(CrashModel::power_loss_keeping_names());
  CHECK(read_path(disk, "meta").empty());
}

TEST_CASE("SimDisk: a removal without a directory sync comes back", "[disk][sim]") {
  SimDisk disk{1};
  durable_file(disk, "segment", "bytes");
  REQUIRE(disk.remove("segment").has_value());
  disk.crash(CrashModel::power_loss());
  CHECK(read_path(disk, "segment") == "bytes");
}

TEST_CASE("SimDisk: a torn power loss keeps synced bytes and leaves holes, over many seeds",
          "[disk][sim]") {
  std::set<std::string> shapes;
  const std::string synced(2 * kPage + 100, 's');
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SimDisk disk{seed};
    auto file = durable_file(disk, "log", synced);
    REQUIRE(file->write_at(synced.size(), as_bytes(std::string(6 * kPage, 'n'))).has_value());
    disk.crash(CrashModel::power_loss_torn());
    const std::string left = read_path(disk, "log");
    REQUIRE(left.size() >= synced.size());
    REQUIRE(left.size() <= synced.size() + 6 * kPage);
    REQUIRE(left.substr(0, synced.size()) == synced);
    const std::string tail = left.substr(synced.size());
    REQUIRE(std::all_of(tail.begin(), tail.end(), [](char c) { return c == 'n' || c == '\0'; }));
    if (tail.empty()) shapes.insert("nothing");
    const std::size_t zero = tail.find('\0');
    if (zero != std::string::npos && tail.find('n', zero) != std::string::npos) {
      shapes.insert("hole");
    }
    if (tail.find('n') == std::string::npos && !tail.empty()) shapes.insert("zeros");
    if (left.size() % kPage != 0 && left.size() % kPage != 100) shapes.insert("partial page");
  }
  CHECK(shapes == std::set<std::string>{"nothing", "hole", "zeros", "partial page"});
}

TEST_CASE("SimDisk: an unsynced truncation happened as a whole or not at all", "[disk][sim]") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimDisk disk{seed};
    auto file = durable_file(disk, "log", "0123456789");
    REQUIRE(file->truncate(4).has_value());
    REQUIRE(file->write_at(4, as_bytes("ab")).has_value());
    disk.crash(CrashModel::power_loss_torn());
    seen.insert(read_path(disk, "log"));
  }
  CHECK(seen.contains("0123456789"));
  CHECK(seen.contains("0123"));
  CHECK(seen.contains("0123ab"));
  for (const auto& left : seen) {
    CHECK((left == "0123456789" || left.starts_with("0123")));
    CHECK(left.find("ab6789") == std::string::npos);
  }
}

TEST_CASE("SimDisk: a failed sync marks pages clean that never reached the device", "[disk][sim]") {
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimDisk disk{seed};
    auto file = durable_file(disk, "log", "");
    const std::string bytes(4 * kPage, 'd');
    REQUIRE(file->write_at(0, as_bytes(bytes)).has_value());
    disk.plan({.call = DiskCall::sync, .nth = 1});
    REQUIRE(file->sync().error() == system_error(EIO));
    REQUIRE(file->sync().has_value());  // the trap: it "succeeds"
    REQUIRE(read_all(*file) == bytes);  // and the cache shows all of it
    disk.crash(CrashModel::power_loss());
    lost = lost || read_path(disk, "log") != bytes;
  }
  CHECK(lost);
}

TEST_CASE("SimDisk: dropping the cache shows what the device really has", "[disk][sim]") {
  SimDisk disk{3};
  auto file = durable_file(disk, "log", std::string(kPage, 'a'));
  REQUIRE(disk.flip_bit("log", 10, 0, false));
  CHECK(read_all(*file)[10] == 'a');
  file->drop_cache(0, kPage);
  CHECK(read_all(*file)[10] == '`');
}

TEST_CASE("SimDisk: a planned fault hits the n-th call of its kind and path", "[disk][sim]") {
  SimDisk disk{1};
  auto log = disk.open("a.log", OpenMode::create_new).value();
  auto index = disk.open("a.index", OpenMode::create_new).value();
  disk.plan({.call = DiskCall::write, .nth = 2, .repeat = 2, .error = ENOSPC, .path_part = ".log"});
  CHECK(index->write_at(0, as_bytes("i")).has_value());
  CHECK(log->write_at(0, as_bytes("1")).has_value());
  CHECK(index->write_at(0, as_bytes("i")).has_value());
  CHECK(log->write_at(1, as_bytes("2")).error() == system_error(ENOSPC));
  CHECK(log->write_at(1, as_bytes("2")).error() == system_error(ENOSPC));
  CHECK(log->write_at(1, as_bytes("2")).has_value());
}

TEST_CASE("SimDisk: chance faults come from the seed", "[disk][sim]") {
  const auto failures = [](std::uint64_t seed) {
    SimDisk disk{seed};
    auto file = disk.open("f", OpenMode::create_new).value();
    disk.plan({.call = DiskCall::write, .nth = 0, .chance_of_1000 = 200});
    std::string pattern;
    for (int i = 0; i < 200; ++i) {
      pattern += file->write_at(0, as_bytes("x")).has_value() ? '.' : 'F';
    }
    return pattern;
  };
  CHECK(failures(5) == failures(5));
  CHECK(failures(5) != failures(6));
  const std::string pattern = failures(5);
  const auto hits = std::count(pattern.begin(), pattern.end(), 'F');
  CHECK(hits > 20);
  CHECK(hits < 60);
}

TEST_CASE("SimDisk: a full disk takes what fits and says ENOSPC", "[disk][sim]") {
  SimDisk disk{1};
  disk.set_capacity(100);
  auto file = disk.open("f", OpenMode::create_new).value();
  CHECK(file->write_at(0, as_bytes(std::string(90, 'x'))).has_value());
  CHECK(file->write_at(90, as_bytes(std::string(20, 'y'))).error() == system_error(ENOSPC));
  CHECK(file->size().value() == 100);
  CHECK(file->write_at(0, as_bytes("overwriting needs no room")).has_value());
  CHECK(file->allocate(100, 1).error() == system_error(ENOSPC));
  CHECK(disk.space().value().available_bytes == 0);
  REQUIRE(disk.remove("f").has_value());
  CHECK(disk.space().value().available_bytes == 100);
}

TEST_CASE(
    "SimDisk: a hook can stop the process at any call, and then nothing works until the crash",
    "[disk][sim]") {
  SimDisk disk{1};
  auto file = durable_file(disk, "log", "safe");
  int syncs = 0;
  disk.on_operation([&](DiskCall call, const std::string& path) {
    if (call == DiskCall::sync && path == "log" && ++syncs == 2) throw CrashNow{};
  });
  REQUIRE(file->write_at(4, as_bytes("1")).has_value());
  REQUIRE(file->sync().has_value());
  REQUIRE(file->write_at(5, as_bytes("2")).has_value());
  CHECK_THROWS_AS(file->sync(), CrashNow);
  CHECK(file->write_at(6, as_bytes("3")).error() == system_error(EIO));
  CHECK(disk.open("log", OpenMode::read).error() == system_error(EIO));
  disk.on_operation(nullptr);
  disk.crash(CrashModel::power_loss());
  CHECK(read_path(disk, "log") == "safe1");
}

TEST_CASE("SimDisk: a crash lets go of locks, and an old holder cannot release the new one's",
          "[disk][sim]") {
  SimDisk disk{1};
  auto before = disk.lock("lock").value();
  disk.crash(CrashModel::power_loss());
  auto after = disk.lock("lock");
  REQUIRE(after.has_value());
  before.reset();
  CHECK(disk.lock("lock").error() == Errc::directory_locked);
}

TEST_CASE("SimDisk: counts calls and adds up their delays", "[disk][sim]") {
  SimDisk disk{1};
  disk.set_delay(DiskCall::sync, std::chrono::milliseconds{3});
  auto file = disk.open("f", OpenMode::create_new).value();
  REQUIRE(file->sync().has_value());
  REQUIRE(file->sync().has_value());
  CHECK(disk.count(DiskCall::sync) == 2);
  CHECK(disk.count(DiskCall::open) == 1);
  CHECK(disk.take_delay() == std::chrono::milliseconds{6});
  CHECK(disk.take_delay() == Duration{0});
}

TEST_CASE("SimDisk: the same seed and calls leave the same bytes", "[disk][sim]") {
  const auto run = [](std::uint64_t seed) {
    SimDisk disk{seed};
    auto file = durable_file(disk, "log", "start");
    for (std::uint64_t i = 0; i < 50; ++i) {
      REQUIRE(file->write_at(i * 1000, as_bytes(std::string(900, 'a'))).has_value());
    }
    disk.crash(CrashModel::power_loss_torn());
    return read_path(disk, "log");
  };
  CHECK(run(9) == run(9));
}

}  // namespace
}  // namespace strandline
