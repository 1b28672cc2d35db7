#include "broker/metadata/metadata_log.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <set>

#include "tests/unit/broker/metadata/metadata_log_harness.h"

namespace strandline {
namespace {

// A log with two snapshots that has been cut, after `decisions` decisions.
void run_life(SimDisk& disk, int decisions) {
  MetadataLife life{disk};
  REQUIRE(life.open().has_value());
  while (life.decisions() < decisions) REQUIRE(life.decide().has_value());
}

std::uint64_t metadata_bytes(SimDisk& disk) {
  std::uint64_t bytes = 0;
  const auto names = disk.list(kMetadataDirectory).value();
  for (const std::string& name : names) {
    const std::string path = std::string{kMetadataDirectory} + "/" + name;
    bytes += disk.open(path, OpenMode::read).value()->size().value();
  }
  return bytes;
}

std::string opened_image(MetadataLife& life) {
  const auto opened = life.open();
  REQUIRE(opened.has_value());
  return image_bytes(life.state->image());
}

}  // namespace

TEST_CASE("MetadataLog: with snapshots it stays small however many decisions are taken",
          "[metadata]") {
  SimDisk disk{1};
  run_life(disk, 50);
  const std::uint64_t after_50 = metadata_bytes(disk);
  run_life(disk, 500);
  CHECK(metadata_bytes(disk) < after_50 * 2);
  MetadataLife life{disk};
  CHECK(opened_image(life) == image_after(500));
  CHECK(life.log->log().log_start_offset() > Offset{0});
  CHECK(life.snapshots().size() == 2);
  CHECK(life.damage.snapshots.empty());
}

TEST_CASE("MetadataLog: a start reads the snapshot and only what lies behind it", "[metadata]") {
  SimDisk disk{1};
  run_life(disk, 40);
  MetadataLife life{disk};
  REQUIRE(life.open().has_value());
  const QuorumLog& log = life.start.quorum.log;
  const auto behind = log.end().offset - log.start();
  // Forty decisions are 197 records.
  CHECK(behind + static_cast<std::int64_t>(life.start.snapshot.size()) < 40);
}

TEST_CASE("MetadataLog: the log is kept from the end of the older snapshot on", "[metadata]") {
  SimDisk disk{1};
  run_life(disk, 60);
  MetadataLife life{disk};
  const auto snapshots = life.snapshots();
  REQUIRE(snapshots.size() == 2);
  for (const std::uint64_t position : {0, 6, 30, 44, 60, 200}) {
    REQUIRE(disk.flip_bit(snapshots[1], position, 1, true));
    CHECK(opened_image(life) == image_after(60));
    REQUIRE(life.damage.snapshots.size() == 1);
    CHECK(life.damage.snapshots[0] == snapshots[1]);
    life.damage.snapshots.clear();
    CHECK(life.log->wants_snapshot());  // one takes its place at once
    REQUIRE(disk.flip_bit(snapshots[1], position, 1, true));
  }
  CHECK(life.damage.damages.empty());
}

TEST_CASE("MetadataLog: a first snapshot that is damaged costs nothing", "[metadata]") {
  SimDisk disk{1};
  MetadataLife life{disk};
  REQUIRE(life.open().has_value());
  while (life.snapshots().empty()) REQUIRE(life.decide().has_value());
  const int decisions = life.decisions();
  REQUIRE(disk.flip_bit(life.snapshots()[0], 50, 1, true));
  CHECK(opened_image(life) == image_after(decisions));
  REQUIRE(life.snapshot().has_value());
  CHECK(life.snapshots().size() == 1);
  life.damage.snapshots.clear();
  CHECK(opened_image(life) == image_after(decisions));
  CHECK(life.damage.snapshots.empty());
}

TEST_CASE("MetadataLog: without any whole snapshot a cut log is refused, and what is missing named",
          "[metadata]") {
  SimDisk disk{1};
  run_life(disk, 60);
  MetadataLife life{disk};
  std::string found = "none";
  SECTION("both are damaged") {
    found = make_error_code(Errc::corrupt_file).message();
    for (const std::string& path : life.snapshots()) REQUIRE(disk.flip_bit(path, 50, 1, true));
  }
  SECTION("both are gone") {
    for (const std::string& path : life.snapshots()) REQUIRE(disk.remove(path).has_value());
  }
  CHECK(life.open().error() == Errc::corrupt_file);
  CHECK(life.decisions() == 0);          // nothing was given out before that was known
  CHECK(life.damage.snapshots.empty());  // none was made anew
  REQUIRE_FALSE(life.damage.damages.empty());
  for (const Damage& damage : life.damage.damages) {
    CHECK(damage.offset == Offset{0});
    CHECK(damage.expected.starts_with("a whole snapshot up to offset "));
    CHECK(damage.found == found);
  }
}

TEST_CASE("MetadataLog: a log that ends below its snapshot is damage, also without a checkpoint",
          "[metadata]") {
  SimDisk disk{1};
  run_life(disk, 60);
  MetadataLife life{disk};
  const auto names = disk.list(kMetadataDirectory).value();
  for (const std::string& name : names) {
    if (name.ends_with(".image") || name == "vote") continue;
    REQUIRE(disk.remove(std::string{kMetadataDirectory} + "/" + name).has_value());
  }
  REQUIRE(disk.remove("checkpoint.0").has_value());
  REQUIRE(disk.remove("checkpoint.1").has_value());
  CHECK(life.open().error() == Errc::corrupt_file);
  CHECK_FALSE(life.damage.damages.empty());
}

TEST_CASE("MetadataLog: a snapshot of another cluster stops the start", "[metadata]") {
  SimDisk disk{1};
  run_life(disk, 60);
  MetadataLife life{disk};
  CHECK(life.open(Uuid{}).error() == Errc::foreign_directory);
}

TEST_CASE("MetadataLog: a snapshot that cannot be written leaves the log whole and waits",
          "[metadata]") {
  SimDisk disk{1};
  MetadataLife life{disk};
  REQUIRE(life.open().has_value());
  disk.plan({.call = DiskCall::write, .repeat = 1000, .error = ENOSPC, .path_part = ".image"});
  int failed = 0;
  while (life.decisions() < 40) failed += life.decide().has_value() ? 0 : 1;
  CHECK(failed > 1);
  CHECK(failed < 20);  // not with each decision
  CHECK(life.snapshots().empty());
  CHECK_FALSE(disk.exists("__cluster_metadata-0/00000000000000000039.image.tmp").value());
  CHECK(opened_image(life) == image_after(40));
  disk.clear_faults();
  while (life.snapshots().empty()) REQUIRE(life.decide().has_value());
  const int decisions = life.decisions();
  CHECK(opened_image(life) == image_after(decisions));
}

TEST_CASE("MetadataLog: a large image is not written anew for little growth", "[metadata]") {
  SimDisk disk{1};
  MetadataLife life{disk, 200};
  REQUIRE(life.open().has_value());
  std::set<std::string> written;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(life.decide().has_value());
    if (!life.snapshots().empty()) written.insert(life.snapshots().back());
  }
  // Each decision is more than the 200 bytes, and the image is more than a decision.
  CHECK(written.size() > 2);
  CHECK(written.size() < 12);
}

}  // namespace strandline
