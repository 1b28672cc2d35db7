// Connections of one shard, with the tests in the place of the request handlers.
//
// Thread   the test's; what belongs to the shard is touched through on_shard()
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/net/connection.h"
#include "broker/net/connection_table.h"
#include "tests/unit/broker/loop_thread.h"
#include "tests/unit/broker/net/loopback.h"

namespace strandline {

inline std::string framed(std::string_view body) {
  const auto size = static_cast<std::uint32_t>(body.size());
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
  return bytes.append(body);
}

inline std::vector<OutputPiece> pieces_of(std::string_view text) {
  auto owner = std::make_shared<wire::ByteBuffer>();
  std::copy_n(as_bytes(text).data(), text.size(), owner->extend(text.size()));
  std::vector<OutputPiece> pieces;
  pieces.emplace_back(MemoryPiece{owner, owner->view()});
  return pieces;
}

class ConnectionHarness {
 public:
  template <class Work>
  auto on_shard(Work work) {
    return shard_.run(std::move(work));
  }
  template <class Condition>
  bool reaches(Condition condition) {
    return shard_.reaches(std::move(condition));
  }

  explicit ConnectionHarness(ConnectionLimits limits = {}, std::uint64_t budget_bytes = 1 << 30)
      : budget(budget_bytes),
        buffers(budget),
        context_{.shard = 0,
                 .loop = shard_.loop,
                 .buffers = buffers,
                 .budget = budget,
                 .metrics = metrics,
                 .limits = limits,
                 .on_request =
                     [this](Request request) {
                       if (answer_at_once) return answer_at_once(std::move(request));
                       held.push_back(std::move(request));
                     },
                 .on_http =
                     [this](boost::asio::ip::tcp::socket socket, std::string bytes) {
                       http_sockets.push_back(std::move(socket));
                       http_bytes = std::move(bytes);
                     },
                 .on_move =
                     [this](boost::asio::ip::tcp::socket socket, std::size_t shard) {
                       moved_to = shard;
                       table->adopt_moved(std::move(socket));
                     },
                 .on_closed = {},
                 .open_connections = open_connections} {
    on_shard([this] { table = std::make_unique<ConnectionTable>(context_); });
  }

  ~ConnectionHarness() {
    on_shard([this] {
      table->close_all(CloseReason::shutdown);
      held.clear();
      http_sockets.clear();
    });
    shard_.loop.stop_and_join();
  }
  ConnectionHarness(const ConnectionHarness&) = delete;
  ConnectionHarness& operator=(const ConnectionHarness&) = delete;

  // receive_bytes   room for answers at the test's end; 0: the system's default
  TestSocket connect(int receive_bytes = 0) {
    Loopback pair = Loopback::make(receive_bytes);
    const int fd = pair.ours.release();
    on_shard([this, fd] {
      boost::asio::ip::tcp::socket socket{shard_.loop.io()};
      socket.assign(boost::asio::ip::tcp::v4(), fd);
      ++open_connections;
      table->adopt(std::move(socket));
    });
    return std::move(pair.theirs);
  }

  bool holds(std::size_t requests) {
    return reaches([this, requests] { return held.size() == requests; });
  }

  // Answers the request at this place of `held` with a frame of `body`, by default its own bytes.
  void answer(std::size_t index, std::string_view body) {
    on_shard([this, index, body] {
      Request request = std::move(held[index]);
      erase(index);
      request.answer(pieces_of(framed(body)));
    });
  }
  void answer(std::size_t index) {
    answer(index, on_shard([this, index] { return std::string{as_text(held[index].bytes())}; }));
  }
  void erase(std::size_t index) {
    std::vector<Request> rest;
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (i != index) rest.push_back(std::move(held[i]));
    }
    held.swap(rest);
  }

  bool closed_for(CloseReason reason, std::uint64_t times = 1) {
    return reaches([this, reason, times] {
      return metrics.connections_closed[static_cast<std::size_t>(reason)].value() == times;
    });
  }

  MemoryBudget budget;
  ShardMetrics metrics;
  BufferPool buffers;
  std::atomic<std::int64_t> open_connections{0};
  // The shard's, from here on.
  std::function<void(Request)> answer_at_once;  // unset: requests are held
  std::vector<Request> held;
  std::vector<boost::asio::ip::tcp::socket> http_sockets;
  std::string http_bytes;
  std::optional<std::size_t> moved_to;
  std::unique_ptr<ConnectionTable> table;

 private:
  LoopThread shard_;
  ConnectionContext context_;
};

}  // namespace strandline
