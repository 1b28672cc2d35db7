#include "broker/rpc/rpc_metrics_page.h"

#include "broker/metrics/text_exposition.h"

namespace strandline {
namespace {

using Type = TextExposition::Type;
using Loops = std::span<const RpcLoop>;

constexpr double kNanosecond = 1e-9;
// Bucket bounds of times: 2^15 ns (33 µs) to 2^34 ns (17 s).
constexpr int kTimeFirst = 15;
constexpr int kTimeLast = 34;

struct Line {
  std::string_view name;
  std::string_view help;
  Counter RpcMetrics::* field;
};

constexpr Line kCounters[] = {
    {"strandline_rpc_accepted_total", "Connections of other brokers that were accepted.",
     &RpcMetrics::accepted},
    {"strandline_rpc_turned_away_total",
     "Connections of other brokers closed for want of room or descriptors.",
     &RpcMetrics::turned_away},
    {"strandline_rpc_connects_total", "Connections to other brokers that came up.",
     &RpcMetrics::connects},
    {"strandline_rpc_reconnects_total", "Of these, all but the first to each broker.",
     &RpcMetrics::reconnects},
    {"strandline_rpc_connect_failures_total",
     "Tries to reach another broker that failed, or were not greeted in time.",
     &RpcMetrics::connect_failures},
    {"strandline_rpc_calls_total", "Requests sent to other brokers.", &RpcMetrics::calls},
    {"strandline_rpc_call_errors_total", "Of these, answered with an error.",
     &RpcMetrics::call_errors},
    {"strandline_rpc_call_timeouts_total", "Of these, not answered in time.",
     &RpcMetrics::call_timeouts},
    {"strandline_rpc_calls_lost_total", "Of these, whose connection broke before the answer.",
     &RpcMetrics::calls_lost},
    {"strandline_rpc_late_answers_total", "Answers to requests that had been given up.",
     &RpcMetrics::late_answers},
    {"strandline_rpc_requests_served_total", "Requests of other brokers.",
     &RpcMetrics::requests_served},
    {"strandline_rpc_messages_sent_total", "Messages sent that need no answer.",
     &RpcMetrics::one_way_sent},
    {"strandline_rpc_messages_received_total", "Messages received that need no answer.",
     &RpcMetrics::one_way_received},
    {"strandline_rpc_unknown_methods_total",
     "Requests and messages that nobody here takes: of a newer program.",
     &RpcMetrics::unknown_methods},
    {"strandline_rpc_received_bytes_total", "Bytes received from other brokers.",
     &RpcMetrics::received_bytes},
    {"strandline_rpc_queue_full_total", "Messages refused because too many waited to be sent.",
     &RpcMetrics::queue_full},
    {"strandline_rpc_reads_paused_total", "Times a connection was not read because of a limit.",
     &RpcMetrics::reads_paused},
};

struct Level {
  std::string_view name;
  std::string_view help;
  Gauge RpcMetrics::* field;
};

constexpr Level kGauges[] = {
    {"strandline_rpc_connections", "Connections of other brokers that are open.",
     &RpcMetrics::connections_open},
    {"strandline_rpc_peers_up", "Connections to other brokers that are up.", &RpcMetrics::peers_up},
    {"strandline_rpc_send_queue_bytes", "Bytes that wait to be sent to other brokers.",
     &RpcMetrics::send_queue_bytes},
    {"strandline_rpc_held_bytes", "Bytes received from other brokers and still worked on.",
     &RpcMetrics::held_bytes},
};

std::string label(const RpcLoop& loop) { return TextExposition::join({{"loop", loop.name}}); }

// Sums over the loops: which of them it was matters to nobody.
template <std::size_t N>
void by_reason(TextExposition& out, Loops loops, std::string_view name, std::string_view help,
               std::array<Counter, N> RpcMetrics::* field, std::size_t first,
               std::string_view (*reason)(std::size_t)) {
  out.family(name, Type::counter, help);
  for (std::size_t i = first; i < N; ++i) {
    std::uint64_t sum = 0;
    for (const RpcLoop& loop : loops) sum += (loop.metrics->*field)[i].value();
    out.sample(TextExposition::join({{"reason", reason(i)}}), sum);
  }
}

void times(TextExposition& out, Loops loops, std::string_view name, std::string_view help,
           Histogram RpcMetrics::* field) {
  HistogramSnapshot all;
  for (const RpcLoop& loop : loops) all.add(loop.metrics->*field);
  out.family(name, Type::histogram, help);
  out.histogram("", all, kTimeFirst, kTimeLast, kNanosecond);
}

}  // namespace

std::string render_rpc_metrics(Loops loops) {
  TextExposition out;
  for (const Line& line : kCounters) {
    out.family(line.name, Type::counter, line.help);
    for (const RpcLoop& loop : loops) out.sample(label(loop), (loop.metrics->*line.field).value());
  }
  out.family("strandline_rpc_sent_bytes_total", Type::counter,
             "Bytes sent to other brokers, from memory or straight from segment files.");
  for (const RpcLoop& loop : loops) {
    out.sample(TextExposition::join({{"loop", loop.name}, {"from", "memory"}}),
               loop.metrics->sent_memory_bytes.value());
    out.sample(TextExposition::join({{"loop", loop.name}, {"from", "file"}}),
               loop.metrics->sent_sendfile_bytes.value());
  }
  for (const Level& level : kGauges) {
    out.family(level.name, Type::gauge, level.help);
    for (const RpcLoop& loop : loops) out.sample(label(loop), (loop.metrics->*level.field).value());
  }
  const auto refusal = [](std::size_t i) { return refusal_name(static_cast<RefusalReason>(i)); };
  by_reason(out, loops, "strandline_rpc_closed_total", "Connections between brokers that ended.",
            &RpcMetrics::closed, 0, [](std::size_t i) { return kRpcCloseNames[i]; });
  by_reason(out, loops, "strandline_rpc_refused_total", "Brokers that were refused here.",
            &RpcMetrics::refused, 1, refusal);
  by_reason(out, loops, "strandline_rpc_refused_by_peer_total",
            "Refusals of this broker elsewhere.", &RpcMetrics::refused_by_peer, 1, refusal);
  times(out, loops, "strandline_rpc_call_seconds", "From a request to its answer.",
        &RpcMetrics::call_time);
  times(out, loops, "strandline_rpc_ping_seconds", "From a ping to its answer.",
        &RpcMetrics::ping_time);
  return out.take();
}

}  // namespace strandline
