// Both cores, driven against a broker on loopback.
#include "client/net/fetch_driver.h"
#include "client/net/producer_driver.h"
#include "tests/unit/client/core/fetch_harness.h"
#include "tests/unit/client/net/scripted_broker.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;

const TopicPartition kPartition{"t", PartitionIndex{0}};

ConnectionConfig connections() {
  return {.connect_max = 2s, .answer_max = 5s, .reconnect = {.first = 5ms, .max = 20ms}};
}

wire::MetadataResponse led_by(const ScriptedBroker& broker, std::int32_t id = 1,
                              std::int32_t epoch = 5) {
  wire::MetadataResponse response;
  response.brokers.push_back(
      {.node_id = BrokerId{id}, .host = "127.0.0.1", .port = broker.address().port});
  response.topics.push_back({.name = "t",
                             .partitions = {{.index = PartitionIndex{0},
                                             .leader_id = BrokerId{id},
                                             .leader_epoch = LeaderEpoch{epoch}}}});
  return response;
}

// Answers as the leader of the partition, which has one log.
struct LogBroker {
  explicit LogBroker(boost::asio::io_context& io) : broker(io) {
    broker.on_request = [this](ScriptedBroker::Link& link, const wire::RequestHeader& header) {
      serve(link, header);
    };
  }

  void serve(ScriptedBroker::Link& link, const wire::RequestHeader& header) {
    auto budget = wire::DecodeBudget::for_frame(header.body.size());
    switch (header.api->key) {
      case wire::ApiKey::metadata: return link.answer(header, led_by(broker));
      case wire::ApiKey::init_producer_id:
        return link.answer(header, wire::InitProducerIdResponse{.producer_id = ProducerId{7}});
      case wire::ApiKey::produce: {
        if (std::exchange(breaks, false)) return link.close();
        const auto request =
            wire::decode<wire::ProduceRequest>(header.body, header.version, budget).value();
        return link.answer(header, take(request));
      }
      default: FAIL("nobody asked for that");
    }
  }

  wire::ProduceResponse take(const wire::ProduceRequest& request) {
    const auto& part = request.topics.at(0).partitions.at(0);
    const ByteView batch = part.records->bytes;
    const auto done = log.append(parse_batch(batch).value(), values_of(batch));
    wire::ProduceResponse response;
    response.topics.push_back(
        {.name = "t",
         .partitions = {
             {.index = part.index, .error_code = done.error, .base_offset = done.base_offset}}});
    return response;
  }

  ScriptedBroker broker;
  ScriptedLog log;
  bool breaks = false;  // at the next produce request
};

TEST_CASE("ProducerDriver: records arrive, and their hook hears of each", "[net][drivers]") {
  boost::asio::io_context io;
  LogBroker leader{io};
  std::map<RecordId, Offset> acked;
  ProducerDriver producer{io,
                          {leader.broker.address()},
                          {.linger = 1ms},
                          connections(),
                          {.on_settled =
                               [&](const RecordsSettled& settled) {
                                 CHECK_FALSE(settled.outcome.error);
                                 CHECK(settled.outcome.acked_by == BrokerId{1});
                                 std::int64_t place = 0;
                                 for (const RecordId id : settled.outcome.records) {
                                   acked[id] = settled.outcome.base_offset + place++;
                                 }
                               }},
                          1};
  std::vector<RecordId> ids;
  for (const char* value : {"a", "b", "c"}) {
    ids.push_back(producer.append(kPartition, {.value = as_bytes(value)}).value());
  }
  REQUIRE(run_until(io, [&] { return producer.unsettled_records() == 0; }));
  CHECK(leader.log.values() == std::vector<std::string>{"a", "b", "c"});
  CHECK(acked.at(ids[2]) == Offset{2});
}

TEST_CASE("ProducerDriver: a connection that breaks costs a retry, not a record",
          "[net][drivers]") {
  boost::asio::io_context io;
  LogBroker leader{io};
  leader.breaks = true;
  ProducerDriver producer{io,
                          {leader.broker.address()},
                          {.linger = 0ms, .retry = {.first = 5ms, .max = 20ms}},
                          connections(),
                          {.on_settled = [](const RecordsSettled&) {}},
                          1};
  REQUIRE(producer.append(kPartition, {.value = as_bytes("a")}));
  REQUIRE(run_until(io, [&] { return producer.unsettled_records() == 0; }));
  CHECK(leader.log.values() == std::vector<std::string>{"a"});
  CHECK_FALSE(leader.breaks);
}

TEST_CASE("ProducerDriver: a hook may append more", "[net][drivers]") {
  boost::asio::io_context io;
  LogBroker leader{io};
  int left = 20;
  ProducerDriver* self = nullptr;
  ProducerDriver producer{io,
                          {leader.broker.address()},
                          {.linger = 0ms},
                          connections(),
                          {.on_settled =
                               [&](const RecordsSettled&) {
                                 if (--left > 0) {
                                   REQUIRE(self->append(kPartition, {.value = as_bytes("x")}));
                                 }
                               }},
                          1};
  self = &producer;
  REQUIRE(producer.append(kPartition, {.value = as_bytes("x")}));
  REQUIRE(run_until(io, [&] { return left == 0; }));
  CHECK(leader.log.values().size() == 20);
}

TEST_CASE("ProducerDriver: it may go while requests are under way", "[net][drivers]") {
  boost::asio::io_context io;
  LogBroker leader{io};
  leader.broker.on_request = nullptr;
  {
    ProducerDriver producer{io,
                            {leader.broker.address()},
                            {},
                            connections(),
                            {.on_settled = [](const RecordsSettled&) { FAIL("of none"); }},
                            1};
    REQUIRE(producer.append(kPartition, {.value = as_bytes("a")}));
    REQUIRE(run_until(io, [&] { return leader.broker.requests > 0; }));
  }
  io.restart();
  io.run_for(20ms);
}

TEST_CASE("BrokerPool: when those it knows are gone it asks where it began", "[net][drivers]") {
  boost::asio::io_context io;
  LogBroker first{io};
  BrokerPool pool{io, {first.broker.address()}, connections(), 1};
  ScriptedBroker gone{io};
  pool.learn({{.node_id = BrokerId{2}, .host = "127.0.0.1", .port = gone.address().port}});
  gone.stop();
  bool answered = false;
  int failed = 0;
  for (int tries = 0; tries < 20 && !answered; ++tries) {
    bool heard = false;
    pool.send(kNoBroker, wire::MetadataRequest{}, [&](const Reply& reply) {
      heard = true;
      answered = std::holds_alternative<Answer>(reply);
      if (!answered) ++failed;
    });
    REQUIRE(run_until(io, [&] { return heard; }));
  }
  CHECK(answered);
  CHECK(failed >= 1);
}

TEST_CASE("BrokerPool: a broker that nobody told of is not reached", "[net][drivers]") {
  boost::asio::io_context io;
  LogBroker first{io};
  BrokerPool pool{io, {first.broker.address()}, connections(), 1};
  std::optional<Reply> reply;
  pool.send(BrokerId{9}, wire::MetadataRequest{}, [&](const Reply& got) { reply = got; });
  CHECK_FALSE(reply.has_value());  // later, on the loop
  REQUIRE(run_until(io, [&] { return reply.has_value(); }));
  CHECK(std::get<Failure>(*reply).error == Errc::rpc_not_connected);
}

TEST_CASE("BrokerPool: what waits for a broker that moved or is gone fails", "[net][drivers]") {
  boost::asio::io_context io;
  LogBroker first{io};
  ScriptedBroker silent{io};
  BrokerPool pool{io, {first.broker.address()}, connections(), 1};
  const wire::NodeEndpoint there{
      .node_id = BrokerId{2}, .host = "127.0.0.1", .port = silent.address().port};
  pool.learn({there});
  std::optional<Reply> reply;
  pool.send(BrokerId{2}, wire::MetadataRequest{}, [&](const Reply& got) { reply = got; });
  REQUIRE(run_until(io, [&] { return silent.requests == 1; }));
  pool.learn({there});  // no news
  CHECK_FALSE(reply.has_value());
  pool.learn({});
  REQUIRE(run_until(io, [&] { return reply.has_value(); }));
  CHECK(std::get<Failure>(*reply).delivery == Delivery::unknown);
}

TEST_CASE("FetchDriver: batches come out while their frame lives, one after the other",
          "[net][drivers]") {
  boost::asio::io_context io;
  ScriptedBroker leader{io};
  leader.on_request = [&](ScriptedBroker::Link& link, const wire::RequestHeader& header) {
    if (header.api->key == wire::ApiKey::metadata) return link.answer(header, led_by(leader));
    auto budget = wire::DecodeBudget::for_frame(header.body.size());
    const auto request =
        wire::decode<wire::FetchRequest>(header.body, header.version, budget).value();
    const auto& part = request.topics.at(0).partitions.at(0);
    const std::int64_t at = part.fetch_offset.value();
    const Bytes records = at < 5 ? batch_of(at, 5, {std::to_string(at)}) : Bytes{};
    wire::FetchResponse response;
    response.topics.push_back(
        {.name = "t",
         .partitions = {
             {.index = part.index, .high_watermark = Offset{5}, .records = {.bytes = records}}}});
    if (!records.empty()) link.answer(header, response);
  };
  std::vector<std::string> values;
  FetchDriver reader{io,
                     {leader.address()},
                     {},
                     connections(),
                     {.on_batches =
                          [&](const DeliverBatches& got) {
                            for (const ByteView batch : got.batches) {
                              for (auto& value : values_of(batch)) values.push_back(value);
                            }
                          }},
                     1};
  reader.seek(kPartition, {.offset = Offset{0}});
  REQUIRE(run_until(io, [&] { return values.size() == 5; }));
  CHECK(values == std::vector<std::string>{"0", "1", "2", "3", "4"});
}

TEST_CASE("FetchDriver: a lost position is told", "[net][drivers]") {
  boost::asio::io_context io;
  ScriptedBroker leader{io};
  leader.on_request = [&](ScriptedBroker::Link& link, const wire::RequestHeader& header) {
    if (header.api->key == wire::ApiKey::metadata) return link.answer(header, led_by(leader));
    wire::FetchResponse response;
    response.topics.push_back(
        {.name = "t",
         .partitions = {{.index = PartitionIndex{0}, .error_code = Errc::offset_out_of_range}}});
    link.answer(header, response);
  };
  std::optional<PositionLost> lost;
  FetchDriver reader{io,
                     {leader.address()},
                     {},
                     connections(),
                     {.on_lost = [&](const PositionLost& told) { lost = told; }},
                     1};
  reader.seek(kPartition, {.offset = Offset{40}});
  REQUIRE(run_until(io, [&] { return lost.has_value(); }));
  CHECK(lost->error == Errc::offset_out_of_range);
}

}  // namespace
}  // namespace strandline::client
