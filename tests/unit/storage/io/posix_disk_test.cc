#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/errc.h"
#include "storage/io/page_cache.h"
#include "tests/unit/storage/io/disks.h"

namespace strandline {
namespace {

std::string name_of(int i) { return "f" + std::to_string(i); }

MutableByteView view_of(std::string& text) {
  return {reinterpret_cast<std::byte*>(text.data()), text.size()};
}

TEST_CASE("PosixDisk: many files share few descriptors", "[disk]") {
  PosixDiskUnderTest t{8};
  std::vector<std::shared_ptr<File>> files;
  for (int i = 0; i < 100; ++i) {
    files.push_back(t.disk().open(name_of(i), OpenMode::create_new).value());
    REQUIRE(files.back()->write_at(0, as_bytes(name_of(i))).has_value());
    REQUIRE(files.back()->sync().has_value());
    REQUIRE(t.disk().open_files() <= 8);
  }
  for (int i = 0; i < 100; ++i) {
    std::string to(name_of(i).size(), '?');
    REQUIRE(files[static_cast<std::size_t>(i)]->read_at(0, view_of(to)).has_value());
    REQUIRE(to == name_of(i));
    REQUIRE(t.disk().open_files() <= 8);
  }
  CHECK(t.disk().limit_exceeded() == 0);
}

TEST_CASE("PosixDisk: a file with unsynced writes keeps its descriptor, over the limit if need be",
          "[disk]") {
  PosixDiskUnderTest t{2};
  std::vector<std::shared_ptr<File>> files;
  for (int i = 0; i < 4; ++i) {
    files.push_back(t.disk().open(name_of(i), OpenMode::create_new).value());
    REQUIRE(files.back()->write_at(0, as_bytes("dirty")).has_value());
  }
  CHECK(t.disk().open_files() == 4);
  CHECK(t.disk().limit_exceeded() > 0);
  for (const auto& file : files) REQUIRE(file->sync().has_value());
  files.push_back(t.disk().open("one more", OpenMode::create_new).value());
  CHECK(t.disk().open_files() <= 2);
}

TEST_CASE("PosixDisk: a file that may be closed unsynced gives its descriptor up, not its bytes",
          "[disk]") {
  PosixDiskUnderTest t{4};
  std::vector<std::shared_ptr<File>> files;
  for (int i = 0; i < 50; ++i) {
    files.push_back(t.disk().open(name_of(i), OpenMode::create_new).value());
    files.back()->allow_close_unsynced();
    REQUIRE(files.back()->write_at(0, as_bytes(name_of(i))).has_value());
    REQUIRE(t.disk().open_files() <= 4);
  }
  for (int i = 0; i < 50; ++i) {
    File& file = *files[static_cast<std::size_t>(i)];
    REQUIRE(file.write_at(name_of(i).size(), as_bytes("+")).has_value());
    std::string to(name_of(i).size() + 1, '?');
    REQUIRE(file.read_at(0, view_of(to)).has_value());
    REQUIRE(to == name_of(i) + "+");
    REQUIRE(t.disk().open_files() <= 4);
  }
  CHECK(t.disk().limit_exceeded() == 0);
}

TEST_CASE("PosixDisk: a lease keeps the bytes reachable after its file was closed and removed",
          "[disk]") {
  PosixDiskUnderTest t{1};
  auto file = t.disk().open("leased", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("bytes")).has_value());
  REQUIRE(file->sync().has_value());
  const auto lease = file->lease().value();
  REQUIRE(t.disk().open("other", OpenMode::create_new).has_value());
  file.reset();
  REQUIRE(t.disk().remove("leased").has_value());
  std::string to(5, '?');
  CHECK(::pread(lease->fd(), to.data(), to.size(), 0) == 5);
  CHECK(to == "bytes");
}

TEST_CASE("PosixDisk: a file and its lease outlive the disk", "[disk]") {
  TemporaryDirectory directory;
  auto disk = PosixDisk::open(directory.path()).value();
  auto file = disk->open("f", OpenMode::create_new).value();
  auto lease = file->lease().value();
  disk.reset();
  CHECK(file->write_at(0, as_bytes("x")).has_value());
  file.reset();
  std::string to(1, '?');
  CHECK(::pread(lease->fd(), to.data(), 1, 0) == 1);
}

TEST_CASE("PosixDisk: when another file has taken its name, a closed one is stale", "[disk]") {
  PosixDiskUnderTest t{1};
  auto file = t.disk().open("name", OpenMode::create_new).value();
  // The old inode lives on under another name, or its number would be used again.
  REQUIRE(t.disk().rename("name", "moved").has_value());
  for (int i = 0; i < 4; ++i) {  // push it out, past its second chance
    REQUIRE(t.disk().open(name_of(i), OpenMode::create_new).has_value());
  }
  REQUIRE(t.disk().open("name", OpenMode::create_new).has_value());
  CHECK(file->size().error() == ErrorCode{ESTALE, boost::system::system_category()});
}

TEST_CASE("PosixDisk: gives idle descriptors back when the process runs out of them", "[disk]") {
  PosixDiskUnderTest t{100'000};
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  std::vector<std::shared_ptr<File>> files;
  rlimit small = before;
  small.rlim_cur = 64;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &small) == 0);
  bool all_opened = true;
  for (int i = 0; i < 200; ++i) {
    auto opened = t.disk().open(name_of(i), OpenMode::create_new);
    all_opened = all_opened && opened.has_value();
    if (opened.has_value()) files.push_back(std::move(opened).value());
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(all_opened);
}

TEST_CASE("PosixDisk: threads share files that are closed and reopened under them", "[disk]") {
  PosixDiskUnderTest t{2};
  std::vector<std::shared_ptr<File>> files;
  for (int i = 0; i < 6; ++i) {
    files.push_back(t.disk().open(name_of(i), OpenMode::create_new).value());
    REQUIRE(files.back()->write_at(0, as_bytes(name_of(i))).has_value());
    REQUIRE(files.back()->sync().has_value());
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 2000; ++round) {
        const int i = (round * 7 + thread) % 6;
        File& file = *files[static_cast<std::size_t>(i)];
        std::string to(2, '?');
        if (!file.read_at(0, view_of(to)).has_value() || to != name_of(i)) ++wrong;
        if (thread == 0 && round % 20 == 0 && !file.sync().has_value()) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong.load() == 0);
}

TEST_CASE("PosixDisk: both ways of asking what is cached agree", "[disk]") {
  PosixDiskUnderTest t;
  auto file = t.disk().open("pages", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes(std::string(3 << 20, 'c'))).has_value());
  REQUIRE(file->sync().has_value());
  const auto lease = file->lease().value();
  CHECK(cached_by_mincore(lease->fd(), 0, 3 << 20));
  CHECK(cached_by_cachestat(lease->fd(), 0, 3 << 20).value_or(true));
  file->drop_cache(2 << 20, 4096);
  CHECK_FALSE(cached_by_mincore(lease->fd(), 0, 3 << 20));
  CHECK_FALSE(cached_by_cachestat(lease->fd(), 0, 3 << 20).value_or(false));
  CHECK(cached_by_mincore(lease->fd(), 0, 2 << 20));
  CHECK(cached_by_cachestat(lease->fd(), 0, 2 << 20).value_or(true));
}

TEST_CASE("PosixDisk: a lock is held through another disk on the same root as well", "[disk]") {
  PosixDiskUnderTest t;
  const auto held = t.disk().lock("lock");
  REQUIRE(held.has_value());
  auto second = PosixDisk::open(t.root()).value();
  CHECK(second->lock("lock").error() == Errc::directory_locked);
}

TEST_CASE("PosixDisk: makes its root with missing parents, unless told not to", "[disk]") {
  TemporaryDirectory directory;
  const std::string root = directory.path() + "/deep/er";
  CHECK(PosixDisk::open(root, {.create_root = false}).error() ==
        ErrorCode{ENOENT, boost::system::system_category()});
  REQUIRE(PosixDisk::open(root).has_value());
  CHECK(std::filesystem::is_directory(root));
}

TEST_CASE("PosixDisk: a short write is continued until the system says why", "[disk]") {
  PosixDiskUnderTest t;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 10'000;
  auto file = t.disk().open("limited", OpenMode::create_new).value();
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto written = file->write_at(0, as_bytes(std::string(20'000, 'x')));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(written.error() == ErrorCode{EFBIG, boost::system::system_category()});
  CHECK(file->size().value() == 10'000);
}

TEST_CASE("PosixDisk: a device or a pipe is no file of ours", "[disk]") {
  auto disk = PosixDisk::open("/dev", {.create_root = false}).value();
  CHECK(disk->open("full", OpenMode::read_write).has_error());
}

}  // namespace
}  // namespace strandline
