#include "broker/metrics/metrics_page.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <thread>
#include <vector>

#include "broker/metrics/text_exposition.h"
#include "tests/unit/broker/metrics/exposition_checker.h"

namespace strandline {
namespace {

// Two shards and their page.
struct PageHarness {
  std::array<std::unique_ptr<ShardMetrics>, 2> shards{std::make_unique<ShardMetrics>(),
                                                      std::make_unique<ShardMetrics>()};
  std::vector<PartitionSample> partitions;
  std::vector<StraySample> strays;

  std::string render() const {
    const std::array<const ShardMetrics*, 2> both{shards[0].get(), shards[1].get()};
    return render_metrics({
        .shards = both,
        .partitions = partitions,
        .strays = strays,
        .broker = {.version = "0.1.0", .commit = "abc", .broker_id = 7, .serving = true},
        .process = sample_process(),
        .log = {},
        .api_name = [](std::int16_t key) -> std::string_view { return key == 0 ? "Produce" : ""; },
    });
  }

  // The page, found to be right.
  CheckedPage page() const {
    CheckedPage checked = check_exposition(render());
    for (const std::string& complaint : checked.complaints) UNSCOPED_INFO(complaint);
    CHECK(checked.complaints.empty());
    return checked;
  }
};

TEST_CASE("check_exposition: sees a page that is wrong", "[metrics]") {
  const auto complaints = [](std::string_view page) {
    return check_exposition(page).complaints.size();
  };
  CHECK(complaints("# HELP a_total x\n# TYPE a_total counter\na_total 1\n") == 0);
  CHECK(complaints("# HELP a_total x\n# TYPE a_total counter\na_total 1") == 1);
  CHECK(complaints("# HELP a x\n# TYPE a counter\na 1\n") == 1);
  CHECK(complaints("a 1\n") == 1);
  CHECK(complaints("# HELP a x\n# TYPE a gauge\na 1\na 1\n") == 1);
  CHECK(complaints("# HELP a x\n# TYPE a gauge\nb 1\n") == 1);
  CHECK(complaints("# HELP a x\n# TYPE a gauge\na{l=\"\\t\"} 1\n") == 1);
  CHECK(complaints("# HELP a x\n# TYPE a gauge\na{l=\"1\",} 1\n") == 1);
  CHECK(complaints("# HELP a x\n# TYPE a gauge\na 1x\n") == 1);
  const std::string histogram = "# HELP h x\n# TYPE h histogram\n";
  CHECK(complaints(histogram + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\n"
                               "h_count 2\n") == 0);
  CHECK(complaints(histogram + "h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\n"
                               "h_count 2\n") == 1);
  CHECK(complaints(histogram + "h_bucket{le=\"1\"} 1\nh_sum 3\nh_count 1\n") == 1);
}

TEST_CASE("metrics page: a broker that did nothing yet shows a right page", "[metrics]") {
  const CheckedPage page = PageHarness{}.page();
  CHECK(page.value(R"(strandline_build_info{version="0.1.0",commit="abc",node_id="7"})") == 1);
  CHECK(page.value("strandline_serving") == 1);
  CHECK(page.value(R"(strandline_connections_closed_total{reason="slow_reader"})") == 0);
  CHECK(page.value("strandline_sync_seconds_count") == 0);
  CHECK_FALSE(page.types.contains("strandline_requests_total"));  // no request, no line
}

TEST_CASE("metrics page: stray directories are named", "[metrics]") {
  PageHarness t;
  CHECK(t.page().value("strandline_stray_directories") == 0);
  t.strays = {{"a.0-stray", 700}, {"b.1-stray", 0}};
  const CheckedPage page = t.page();
  CHECK(page.value("strandline_stray_directories") == 2);
  CHECK(page.value(R"(strandline_stray_bytes{directory="a.0-stray"})") == 700);
  CHECK(page.value(R"(strandline_stray_bytes{directory="b.1-stray"})") == 0);
}

TEST_CASE("metrics page: shards add up", "[metrics]") {
  PageHarness t;
  for (int i = 0; i < 3; ++i) {
    ApiMetrics& produce = t.shards[0]->api(0);
    produce.requests.add();
    produce.bytes_in.add(100);
    produce.latency.record(std::chrono::milliseconds{1});
  }
  t.shards[1]->api(0).requests.add();
  t.shards[1]->api(0).errors.add();
  t.shards[1]->api(0).latency.record(std::chrono::seconds{1});
  t.shards[1]->api(99).requests.add();
  t.shards[1]->count_error(3);
  t.shards[1]->count_error(-1);
  t.shards[0]->count_accepted();
  t.shards[0]->count_accepted();
  t.shards[0]->count_closed(CloseReason::idle);
  t.shards[0]->count_malformed(MalformedKind::size);
  t.shards[0]->sync_group.record(4);
  t.shards[1]->sync_group.record(5);

  const CheckedPage page = t.page();
  CHECK(page.value(R"(strandline_requests_total{api="Produce"})") == 4);
  CHECK(page.value(R"(strandline_requests_total{api="key_99"})") == 1);
  CHECK(page.value(R"(strandline_request_errors_total{api="Produce"})") == 1);
  CHECK(page.value(R"(strandline_received_bytes_total{api="Produce"})") == 300);
  CHECK(page.value(R"(strandline_request_duration_seconds_count{api="Produce"})") == 4);
  CHECK(page.value(R"(strandline_request_duration_seconds_sum{api="Produce"})") == Approx(1.003));
  CHECK(page.value(
            R"(strandline_request_duration_seconds_bucket{api="Produce",le="0.002097152"})") == 3);
  const double p99 =
      page.value(R"(strandline_request_quantile_seconds{api="Produce",quantile="0.99"})");
  CHECK(p99 >= 1.0);
  CHECK(p99 <= 1.0625);
  CHECK(page.value(
            R"(strandline_error_codes_total{code="3",error="unknown_topic_or_partition"})") == 1);
  CHECK(page.value(R"(strandline_error_codes_total{code="-1",error="unknown_server_error"})") == 1);
  CHECK(page.value(R"(strandline_connections_open{shard="0"})") == 1);
  CHECK(page.value(R"(strandline_connections_closed_total{reason="idle"})") == 1);
  CHECK(page.value(R"(strandline_malformed_frames_total{reason="size"})") == 1);
  CHECK(page.value(R"(strandline_sync_group_appends_bucket{le="4"})") == 1);
  CHECK(page.value(R"(strandline_sync_group_appends_bucket{le="8"})") == 2);
}

TEST_CASE("metrics page: the process is described by what the kernel says", "[metrics]") {
  const CheckedPage page = PageHarness{}.page();
  CHECK(page.value("process_resident_memory_bytes") > 1e6);
  CHECK(page.value("process_open_fds") >= 3);
  CHECK(page.value("process_max_fds") >= page.value("process_open_fds"));
  CHECK(page.value("process_cpu_seconds_total") > 0);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(page.value("process_start_time_seconds") <= now + 1);
  CHECK(page.value("process_start_time_seconds") > now - 600);
}

TEST_CASE("metrics page: any topic name makes a right page", "[metrics]") {
  PageHarness t;
  t.partitions.push_back({.topic = "a\"b\\c\nd", .partition = 3, .high_watermark = 12});
  const CheckedPage page = t.page();
  CHECK(page.value(R"(strandline_high_watermark{topic="a\"b\\c\nd",partition="3"})") == 12);
}

// The text of a file of the source tree, wherever in it the test was started.
std::string source_text(const std::string& path) {
  for (auto at = std::filesystem::current_path(); at != at.root_path(); at = at.parent_path()) {
    if (!std::filesystem::exists(at / path)) continue;
    std::ifstream file{at / path};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  return {};
}

TEST_CASE("docs/operations.md: tells of every metric, and of none that is not there",
          "[metrics][docs]") {
  PageHarness t;
  t.shards[0]->api(0).requests.add();
  t.shards[0]->count_error(3);
  t.partitions.push_back({.topic = "t"});
  t.strays.push_back({"t.0-stray", 1});
  const CheckedPage page = t.page();
  const std::string text = source_text("docs/operations.md");
  REQUIRE_FALSE(text.empty());
  for (const auto& [family, type] : page.types) {
    INFO(family);
    CHECK(text.find('`' + family + '`') != std::string::npos);
  }
  const std::regex quoted{"`((strandline|process)_[a-z_]+)`"};
  for (std::sregex_iterator it{text.begin(), text.end(), quoted}, end; it != end; ++it) {
    INFO(it->str(1));
    CHECK(page.types.contains(it->str(1)));
  }
}

TEST_CASE("metrics page: a thousand partitions are rendered in under 50 ms", "[metrics]") {
  PageHarness t;
  for (std::int32_t i = 0; i < 1000; ++i) {
    t.partitions.push_back({.topic = "orders-" + std::to_string(i / 10),
                            .partition = i % 10,
                            .leader_id = 1,
                            .log_end_offset = 1'000'000 + i,
                            .size_bytes = std::int64_t{1} << 30,
                            .segments = 3});
  }
  for (std::int16_t key = 0; key < 40; ++key) t.shards[0]->api(key).requests.add();
  CHECK(t.page().value(R"(strandline_log_end_offset{topic="orders-99",partition="9"})") == 1000999);

  // The best of a few rounds: a busy machine must not decide, a slow renderer must.
  std::chrono::steady_clock::duration best = std::chrono::hours{1};
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    const std::string page = t.render();
    best = std::min(best, std::chrono::steady_clock::now() - start);
    REQUIRE(page.size() > 100'000);
  }
  using Milliseconds = std::chrono::duration<double, std::milli>;
  UNSCOPED_INFO(Milliseconds(best).count() << " ms");
  CHECK(best < std::chrono::milliseconds{50});
}

TEST_CASE("metrics page: can be read while a shard goes on counting", "[metrics]") {
  PageHarness t;
  std::atomic<bool> done{false};
  std::thread shard{[&] {
    for (std::int16_t i = 0; !done; i = static_cast<std::int16_t>((i + 1) % 60)) {
      t.shards[0]->api(i).requests.add();
      t.shards[0]->api(i).latency.record(Duration{std::int64_t{i} * 1000});
      t.shards[0]->sync_time.record(Duration{1000});
    }
  }};
  double last = 0;
  for (int i = 0; i < 50; ++i) {
    const double now = t.page().value("strandline_sync_seconds_count");
    CHECK(now >= last);
    last = now;
  }
  done = true;
  shard.join();
}

}  // namespace
}  // namespace strandline
