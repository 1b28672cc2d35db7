#include "storage/log/digest.h"

#include "protocol/base/hash.h"
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

// A log with one sealed segment of two batches, and the job for it.
struct DigestHarness : LogHarness {
  DigestHarness() : LogHarness({.segment_bytes = 400}) {
    append_many(3);
    auto jobs = log->take_seal_jobs();
    REQUIRE(jobs.size() == 1);
    job = std::move(jobs[0]);
  }
  // What hangs on the disk goes before it.
  ~DigestHarness() { job = {}; }
  DigestHarness(const DigestHarness&) = delete;
  DigestHarness& operator=(const DigestHarness&) = delete;

  SealJob job;
};

TEST_CASE("digest: length, end and XXH3 of the whole segment", "[digest]") {
  DigestHarness t;
  CHECK(read_digest(*t.job.segment).has_error());
  REQUIRE(run(t.job).has_value());
  const SegmentDigest digest = read_digest(*t.job.segment).value();
  const auto bytes = t.bytes_of(file_of(0, ".log"));
  CHECK(digest.log_bytes == bytes.size());
  CHECK(digest.end_offset == Offset{2});
  Xxh3 hash;
  hash.update(bytes);
  CHECK(digest.log_xxh3 == hash.digest());
}

TEST_CASE("digest: a segment that has one is on the disk, with its indexes", "[digest]") {
  DigestHarness t;
  REQUIRE(run(t.job).has_value());
  const auto log_bytes = t.bytes_of(file_of(0, ".log"));
  const auto arrivals = t.bytes_of(file_of(0, ".arrivals"));
  t.job = {};
  t.end_process(CrashModel::power_loss());
  CHECK(t.bytes_of(file_of(0, ".log")) == log_bytes);
  CHECK(t.bytes_of(file_of(0, ".arrivals")) == arrivals);
  CHECK(t.has(file_of(0, ".digest")));
}

TEST_CASE("digest: a damaged segment gets none, and the damage is reported", "[digest]") {
  DigestHarness t;
  t.damage_file(file_of(0, ".log"), 100);
  CHECK(run(t.job).error() == Errc::corrupt_batch);
  CHECK_FALSE(t.has(file_of(0, ".digest")));
  REQUIRE(t.reports.damages.size() == 1);
  CHECK(t.reports.damages[0].file == file_of(0, ".log"));
  CHECK(t.reports.damages[0].position == 0);
}

TEST_CASE("digest: a damaged or short one is no digest", "[digest]") {
  DigestHarness t;
  REQUIRE(run(t.job).has_value());
  t.damage_file(file_of(0, ".digest"), 14);
  CHECK(read_digest(*t.job.segment).error() == Errc::corrupt_file);
  t.damage_file(file_of(0, ".digest"), 14);
  CHECK(read_digest(*t.job.segment).has_value());
  t.cut_file(file_of(0, ".digest"), 20);
  CHECK(read_digest(*t.job.segment).error() == Errc::corrupt_file);
}

TEST_CASE("digest: a sync that fails leaves none", "[digest]") {
  DigestHarness t;
  t.disk.plan({.call = DiskCall::sync, .nth = 1});
  CHECK(run(t.job).has_error());
  CHECK_FALSE(t.has(file_of(0, ".digest")));
}

}  // namespace
}  // namespace strandline
