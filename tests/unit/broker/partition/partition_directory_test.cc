#include "broker/partition/partition_directory.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/prng.h"
#include "storage/io/sim_disk.h"

namespace strandline {
namespace {

class Damages final : public DamageReporter {
 public:
  void damaged(const Damage& damage) override { files.push_back(damage.file); }
  void cut(const std::string&, std::uint64_t, std::uint64_t, const std::string&) override {}
  void rebuilt(const std::string&, const std::string&) override {}

  std::vector<std::string> files;
};

struct DirectoryHarness {
  SimDisk disk{7};
  Damages damages;
  Prng prng{9};
  const Uuid ours = make_uuid(prng);
  const Uuid other = make_uuid(prng);

  Result<void> claim(const std::string& directory, const Uuid& id) {
    return claim_partition_directory(disk, directory, id, damages);
  }
  void write(const std::string& path, std::string_view text) {
    const auto file = disk.open(path, OpenMode::create_or_open).value();
    REQUIRE(file->write_at(0, as_bytes(text)).has_value());
    REQUIRE(file->sync().has_value());
  }
  bool exists(const std::string& path) { return disk.exists(path).value(); }
  void lose_power() { disk.crash(CrashModel{}); }
};

constexpr char kRecords[] = "t-0/00000000000000000000.log";

TEST_CASE("partition directory: a claimed one is its topic's, also after a power loss",
          "[partition]") {
  DirectoryHarness t;
  REQUIRE(t.claim("t-0", t.ours).has_value());
  t.lose_power();
  REQUIRE(t.exists("t-0/partition.metadata"));
  t.write(kRecords, "records");
  REQUIRE(t.claim("t-0", t.ours).has_value());
  CHECK(t.exists(kRecords));
}

TEST_CASE("partition directory: a claim that a crash interrupted holds after the next one",
          "[partition]") {
  for (int call = 1; call <= 12; ++call) {
    DirectoryHarness t;
    INFO("the process ends at call " << call);
    int left = call;
    t.disk.on_operation([&](DiskCall, const std::string&) {
      if (--left == 0) throw CrashNow{};
    });
    try {
      (void)t.claim("t-0", t.ours);
    } catch (const CrashNow&) {
    }
    t.disk.on_operation(nullptr);
    t.disk.crash(CrashModel::process_kill());
    REQUIRE(t.claim("t-0", t.ours).has_value());
    // As the log does with its first records.
    t.write(kRecords, "records");
    REQUIRE(t.disk.sync_directory("t-0").has_value());
    t.lose_power();
    REQUIRE(t.exists(kRecords));
    REQUIRE(t.claim("t-0", t.ours).has_value());
    CHECK(t.exists(kRecords));
    CHECK(t.damages.files.empty());
  }
}

TEST_CASE("partition directory: records of another topic of the name are kept as a stray",
          "[partition]") {
  DirectoryHarness t;
  REQUIRE(t.claim("t-0", t.other).has_value());
  t.write(kRecords, "records");
  REQUIRE(t.claim("t-0", t.ours).has_value());
  CHECK_FALSE(t.exists(kRecords));
  CHECK(t.exists(to_text(t.other) + ".0-stray/00000000000000000000.log"));
  CHECK(t.claim("t-0", t.ours).has_value());
}

TEST_CASE("partition directory: with records and a damaged identity nothing is touched",
          "[partition]") {
  for (const unsigned bit : {0U, 7U}) {
    DirectoryHarness t;
    REQUIRE(t.claim("t-0", t.ours).has_value());
    t.write(kRecords, "records");
    REQUIRE(t.disk.flip_bit("t-0/partition.metadata", 3, bit, true));
    CHECK(t.claim("t-0", t.ours).error() == Errc::corrupt_file);
    CHECK(t.damages.files == std::vector<std::string>{"t-0/partition.metadata"});
    CHECK(t.exists(kRecords));
  }
}

TEST_CASE("partition directory: no flipped bit of the identity loses a record", "[partition]") {
  for (std::uint64_t position = 0; position < 44; ++position) {
    DirectoryHarness t;
    REQUIRE(t.claim("t-0", t.ours).has_value());
    t.write(kRecords, "records");
    if (!t.disk.flip_bit("t-0/partition.metadata", position, 1, true)) break;
    static_cast<void>(t.claim("t-0", t.ours));
    REQUIRE(t.disk.used_bytes() >= std::string_view{"records"}.size() + 44);
    std::size_t kept = 0;
    const std::vector<std::string> names = t.disk.list("").value();
    for (const std::string& name : names) {
      if (t.exists(name + "00000000000000000000.log")) ++kept;
    }
    REQUIRE(kept == 1);
  }
}

TEST_CASE("partition directory: what an interrupted creation left is taken over", "[partition]") {
  DirectoryHarness t;
  REQUIRE(t.disk.create_directories("t-0").has_value());
  t.write("t-0/partition.metadata", "vers");
  t.write(kRecords, "");
  REQUIRE(t.claim("t-0", t.ours).has_value());
  CHECK(remove_partition_directory(t.disk, "t-0", t.ours).value());
}

TEST_CASE("partition directory: only its own topic can have it removed", "[partition]") {
  DirectoryHarness t;
  REQUIRE(t.claim("t-0", t.ours).has_value());
  CHECK_FALSE(remove_partition_directory(t.disk, "t-0", t.other).value());
  CHECK_FALSE(remove_partition_directory(t.disk, "t-0", Uuid{}).value());
  CHECK(t.exists("t-0"));
  CHECK(remove_partition_directory(t.disk, "t-0", t.ours).value());
  CHECK_FALSE(t.exists("t-0"));
  CHECK_FALSE(remove_partition_directory(t.disk, "t-0", t.ours).value());
}

TEST_CASE("partition directory: a topic's removal does not get between a claim and its look",
          "[partition]") {
  DirectoryHarness t;
  REQUIRE(t.claim("t-0", t.other).has_value());
  std::future<Result<bool>> removal;
  // At the claim's first look into the directory the other topic's thread gets ahead, if it can.
  t.disk.on_operation([&](DiskCall call, const std::string&) {
    if (call != DiskCall::open || removal.valid()) return;
    removal = std::async(std::launch::async,
                         [&t] { return remove_partition_directory(t.disk, "t-0", t.other); });
    removal.wait_for(std::chrono::milliseconds{50});
  });
  CHECK(t.claim("t-0", t.ours).has_value());
  REQUIRE(removal.valid());
  CHECK(removal.get().has_value());
  t.disk.on_operation({});
  CHECK(t.exists("t-0/partition.metadata"));
  CHECK(t.damages.files.empty());
}

TEST_CASE("partition directory: nothing that belongs to nobody is taken for a partition's",
          "[partition]") {
  DirectoryHarness t;
  REQUIRE(t.disk.create_directories("t-0").has_value());
  t.write(kRecords, "records of the broker itself");
  CHECK(t.claim("t-0", t.ours).error() == Errc::corrupt_file);
  CHECK_FALSE(remove_partition_directory(t.disk, "t-0", Uuid{}).value());
  t.write("u-0", "a file");
  CHECK(t.claim("u-0", t.ours).has_error());
  CHECK(t.exists("u-0"));
}

TEST_CASE("partition directory: the longest topic name can be removed as well", "[partition]") {
  DirectoryHarness t;
  const std::string directory = partition_directory(std::string(249, 'n'), PartitionIndex{99'999});
  REQUIRE(t.claim(directory, t.ours).has_value());
  std::string longest;
  t.disk.on_operation([&](DiskCall, const std::string& path) {
    const std::string name = path.substr(0, path.find('/'));
    if (name.size() > longest.size()) longest = name;
  });
  CHECK(remove_partition_directory(t.disk, directory, t.ours).value());
  CHECK(longest.size() <= 255);
}

TEST_CASE("partition directory: a removal that a crash interrupted is finished", "[partition]") {
  DirectoryHarness t;
  REQUIRE(t.claim("t-0", t.ours).has_value());
  t.disk.on_operation([](DiskCall call, const std::string&) {
    if (call == DiskCall::remove_tree) throw CrashNow{};
  });
  CHECK_THROWS_AS(remove_partition_directory(t.disk, "t-0", t.ours), CrashNow);
  t.disk.on_operation({});
  t.lose_power();
  CHECK_FALSE(t.exists("t-0"));
  REQUIRE(remove_doomed_directories(t.disk).has_value());
  CHECK(t.disk.list("").value().empty());
}

}  // namespace
}  // namespace strandline
