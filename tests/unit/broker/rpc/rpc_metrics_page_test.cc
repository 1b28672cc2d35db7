#include "broker/rpc/rpc_metrics_page.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

bool has_line(const std::string& page, const std::string& line) {
  return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("rpc metrics page: counters and gauges have a line a loop, reasons are sums", "[rpc]") {
  RpcMetrics shard;
  RpcMetrics cluster;
  shard.sent_memory_bytes.add(10);
  shard.sent_sendfile_bytes.add(2000);
  shard.peers_up.add(2);
  cluster.calls.add(7);
  shard.count_closed(RpcClose::silent);
  cluster.count_closed(RpcClose::silent);
  cluster.count_refused(RefusalReason::directory);
  cluster.call_time.record(std::chrono::milliseconds{2});
  const std::string page =
      render_rpc_metrics(std::vector<RpcLoop>{{"shard-0", &shard}, {"cluster", &cluster}});
  CHECK(has_line(page, R"(strandline_rpc_sent_bytes_total{loop="shard-0",from="memory"} 10)"));
  CHECK(has_line(page, R"(strandline_rpc_sent_bytes_total{loop="shard-0",from="file"} 2000)"));
  CHECK(has_line(page, R"(strandline_rpc_peers_up{loop="shard-0"} 2)"));
  CHECK(has_line(page, R"(strandline_rpc_calls_total{loop="cluster"} 7)"));
  CHECK(has_line(page, R"(strandline_rpc_calls_total{loop="shard-0"} 0)"));
  CHECK(has_line(page, R"(strandline_rpc_closed_total{reason="silent"} 2)"));
  CHECK(has_line(page, R"(strandline_rpc_closed_total{reason="peer"} 0)"));
  CHECK(has_line(page, R"(strandline_rpc_refused_total{reason="directory"} 1)"));
  CHECK(has_line(page, "strandline_rpc_call_seconds_count 1"));
  CHECK(has_line(page, "# TYPE strandline_rpc_ping_seconds histogram"));
}

}  // namespace
}  // namespace strandline
