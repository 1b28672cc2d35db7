// What both disks promise, said once and run over each.
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/errc.h"
#include "tests/unit/storage/io/disks.h"

namespace strandline {
namespace {

ErrorCode system_error(int number) { return {number, boost::system::system_category()}; }

std::string read_all(const File& file, std::uint64_t position = 0, std::size_t count = 1 << 20) {
  std::string text(count, '?');
  const std::size_t got =
      file.read_at(position, {reinterpret_cast<std::byte*>(text.data()), text.size()}).value();
  text.resize(got);
  return text;
}

#define CONTRACT(title) \
  TEMPLATE_TEST_CASE("Disk: " title, "[disk]", PosixDiskUnderTest, SimDiskUnderTest)

CONTRACT("bytes come back from where they were written, and reads stop at the end") {
  TestType t;
  auto file = t.disk().open("a.log", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("hello ")).has_value());
  const ByteView pieces[] = {as_bytes("wide "), as_bytes(""), as_bytes("world")};
  REQUIRE(file->write_at(6, pieces).has_value());
  CHECK(file->size().value() == 16);
  CHECK(read_all(*file) == "hello wide world");
  CHECK(read_all(*file, 11, 5) == "world");
  CHECK(read_all(*file, 11, 100) == "world");
  CHECK(read_all(*file, 16, 10).empty());
  CHECK(read_all(*file, 4000, 10).empty());
  CHECK(file->path() == "a.log");
}

CONTRACT("a write of more pieces than one system call takes arrives whole") {
  TestType t;
  auto file = t.disk().open("many", OpenMode::create_new).value();
  std::vector<std::string> texts;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    texts.push_back(i % 7 == 0 ? std::string{} : std::to_string(i) + ",");
    expected += texts.back();
  }
  std::vector<ByteView> pieces;
  for (const auto& text : texts) pieces.push_back(as_bytes(text));
  REQUIRE(file->write_at(0, pieces).has_value());
  CHECK(read_all(*file) == expected);
}

CONTRACT("a gap before a write reads as zeros") {
  TestType t;
  auto file = t.disk().open("gap", OpenMode::create_new).value();
  REQUIRE(file->write_at(10'000, as_bytes("x")).has_value());
  CHECK(read_all(*file) == std::string(10'000, '\0') + "x");
}

CONTRACT("open modes tell apart what must and what must not be there") {
  TestType t;
  Disk& disk = t.disk();
  CHECK(disk.open("none", OpenMode::read).error() == system_error(ENOENT));
  CHECK(disk.open("none", OpenMode::read_write).error() == system_error(ENOENT));
  CHECK(disk.open("no/dir", OpenMode::create_new).error() == system_error(ENOENT));
  REQUIRE(disk.open("one", OpenMode::create_new).has_value());
  CHECK(disk.open("one", OpenMode::create_new).error() == system_error(EEXIST));
  REQUIRE(disk.open("one", OpenMode::create_or_open).has_value());
  auto reader = disk.open("one", OpenMode::read).value();
  CHECK(reader->write_at(0, as_bytes("x")).has_error());
  REQUIRE(disk.create_directories("directory").has_value());
  CHECK(disk.open("directory", OpenMode::read).has_error());
}

CONTRACT("no path leaves the root") {
  TestType t;
  Disk& disk = t.disk();
  for (const char* path : {"/etc/passwd", "../x", "a/../../x", "a/.."}) {
    CHECK(disk.open(path, OpenMode::create_or_open).error() == system_error(EINVAL));
    CHECK(disk.remove_tree(path).error() == system_error(EINVAL));
    CHECK(disk.rename("a", path).error() == system_error(EINVAL));
  }
  CHECK(disk.remove_tree("").error() == system_error(EINVAL));
}

CONTRACT("truncation cuts and lengthens, and lengthened bytes are zeros") {
  TestType t;
  auto file = t.disk().open("cut", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("0123456789")).has_value());
  REQUIRE(file->truncate(4).has_value());
  CHECK(read_all(*file) == "0123");
  REQUIRE(file->truncate(6).has_value());
  CHECK(read_all(*file) == std::string{"0123\0\0", 6});
  REQUIRE(file->sync().has_value());
  CHECK(file->size().value() == 6);
}

CONTRACT("making room does not change the size") {
  TestType t;
  auto file = t.disk().open("room", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("abc")).has_value());
  REQUIRE(file->allocate(0, 1 << 20).has_value());
  CHECK(file->size().value() == 3);
}

CONTRACT(
    "what was just written is in memory, dropped pages are not, and reading brings them back") {
  TestType t;
  auto file = t.disk().open("pages", OpenMode::create_new).value();
  const std::string bytes(64 * 1024, 'p');
  REQUIRE(file->write_at(0, as_bytes(bytes)).has_value());
  REQUIRE(file->sync().has_value());
  std::string to(bytes.size(), '?');
  const MutableByteView view{reinterpret_cast<std::byte*>(to.data()), to.size()};
  CHECK(file->is_cached(0, bytes.size()));
  REQUIRE(file->read_at_nowait(0, view).value() == bytes.size());
  CHECK(to == bytes);
  file->drop_cache(0, bytes.size());
  CHECK_FALSE(file->is_cached(0, bytes.size()));
  CHECK(file->read_at_nowait(0, view).error() == Errc::would_block);
  CHECK(read_all(*file) == bytes);
  CHECK(file->is_cached(0, bytes.size()));
}

CONTRACT("dropping a range that starts inside a page drops that page too") {
  TestType t;
  auto file = t.disk().open("edge", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes(std::string(10'000, 'e'))).has_value());
  REQUIRE(file->sync().has_value());
  file->drop_cache(5000, 1000);
  CHECK_FALSE(file->is_cached(4096, 10));
  CHECK_FALSE(file->is_cached(5990, 10));
}

CONTRACT("reading without waiting past the end gives nothing rather than would_block") {
  TestType t;
  auto file = t.disk().open("end", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("12345")).has_value());
  std::string to(100, '?');
  const MutableByteView view{reinterpret_cast<std::byte*>(to.data()), to.size()};
  CHECK(file->read_at_nowait(5, view).value() == 0);
  CHECK(file->read_at_nowait(1'000'000, view).value() == 0);
  CHECK(file->read_at_nowait(3, view).value() == 2);
  CHECK(file->is_cached(1'000'000, 10));
}

CONTRACT("hints do no harm") {
  TestType t;
  auto file = t.disk().open("hints", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("abc")).has_value());
  file->start_writeback(0, 3);
  file->start_writeback(0, 0);
  file->read_ahead(0, 1 << 20);
  file->drop_cache(0, 0);
  CHECK(read_all(*file) == "abc");
}

CONTRACT("directories are made with their parents and listed in order") {
  TestType t;
  Disk& disk = t.disk();
  REQUIRE(disk.create_directories("x/y/z").has_value());
  REQUIRE(disk.create_directories("x/y/z").has_value());
  REQUIRE(disk.open("x/b", OpenMode::create_new).has_value());
  REQUIRE(disk.open("x/a", OpenMode::create_new).has_value());
  CHECK(disk.list("x").value() == std::vector<std::string>{"a", "b", "y/"});
  CHECK(disk.list("x/y/").value() == std::vector<std::string>{"z/"});
  CHECK(disk.list("nowhere").error() == system_error(ENOENT));
  CHECK(disk.create_directories("x/a/under").error() == system_error(ENOTDIR));
  CHECK(disk.list("").value() == std::vector<std::string>{"x/"});
}

CONTRACT("rename replaces a file, and the bytes go along") {
  TestType t;
  Disk& disk = t.disk();
  auto fresh = disk.open("fresh", OpenMode::create_new).value();
  REQUIRE(fresh->write_at(0, as_bytes("new")).has_value());
  REQUIRE(disk.open("old", OpenMode::create_new).value()->write_at(0, as_bytes("old")).has_value());
  REQUIRE(disk.rename("fresh", "old").has_value());
  CHECK_FALSE(disk.exists("fresh").value());
  CHECK(read_all(*disk.open("old", OpenMode::read).value()) == "new");
  CHECK(disk.rename("fresh", "old").error() == system_error(ENOENT));
  REQUIRE(disk.sync_directory("").has_value());
}

CONTRACT("a directory moves with what is in it") {
  TestType t;
  Disk& disk = t.disk();
  REQUIRE(disk.create_directories("topic-0").has_value());
  auto file = disk.open("topic-0/f", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("f")).has_value());
  REQUIRE(disk.rename("topic-0", "topic-0.deleted").has_value());
  CHECK_FALSE(disk.exists("topic-0/f").value());
  CHECK(read_all(*disk.open("topic-0.deleted/f", OpenMode::read).value()) == "f");
}

CONTRACT("removing what is not there is no error") {
  TestType t;
  Disk& disk = t.disk();
  REQUIRE(disk.remove("never").has_value());
  REQUIRE(disk.remove_tree("never").has_value());
  REQUIRE(disk.open("once", OpenMode::create_new).has_value());
  REQUIRE(disk.remove("once").has_value());
  CHECK_FALSE(disk.exists("once").value());
  REQUIRE(disk.create_directories("full/of").has_value());
  REQUIRE(disk.open("full/of/it", OpenMode::create_new).has_value());
  CHECK(disk.remove("full").has_error());
  REQUIRE(disk.remove_tree("full").has_value());
  CHECK_FALSE(disk.exists("full").value());
}

CONTRACT("a file taken away while open never shows another file's bytes") {
  TestType t;
  Disk& disk = t.disk();
  auto file = disk.open("name", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, as_bytes("first")).has_value());
  REQUIRE(file->sync().has_value());
  REQUIRE(disk.remove("name").has_value());
  auto other = disk.open("name", OpenMode::create_new).value();
  REQUIRE(other->write_at(0, as_bytes("other")).has_value());
  std::string to(5, '?');
  const auto got = file->read_at(0, {reinterpret_cast<std::byte*>(to.data()), to.size()});
  CHECK((got.has_error() || to == "first"));
}

CONTRACT("a lock shuts out a second holder and is given back") {
  TestType t;
  Disk& disk = t.disk();
  auto held = disk.lock("lock");
  REQUIRE(held.has_value());
  CHECK(disk.lock("lock").error() == Errc::directory_locked);
  held.value().reset();
  CHECK(disk.lock("lock").has_value());
}

CONTRACT("space is told, and there is less available than in total") {
  TestType t;
  const DiskSpace space = t.disk().space().value();
  CHECK(space.total_bytes > 0);
  CHECK(space.available_bytes <= space.total_bytes);
}

CONTRACT("threads may write, sync and read different files at once") {
  TestType t;
  std::vector<std::thread> threads;
  std::array<bool, 4> good{};
  for (std::size_t i = 0; i < good.size(); ++i) {
    threads.emplace_back([&disk = t.disk(), &fine = good[i], i] {
      auto file = disk.open("t" + std::to_string(i), OpenMode::create_new).value();
      std::string all;
      fine = true;
      for (int round = 0; round < 200; ++round) {
        const std::string piece = std::to_string(round) + ";";
        fine = fine && file->write_at(all.size(), as_bytes(piece)).has_value();
        all += piece;
        if (round % 50 == 0) fine = fine && file->sync().has_value();
        fine = fine && read_all(*file, 0, 4096) == all;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == std::array<bool, 4>{true, true, true, true});
}

}  // namespace
}  // namespace strandline
