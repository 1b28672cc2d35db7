#include <catch2/catch.hpp>

#include "broker/handlers/api_versions.h"
#include "broker/handlers/describe_cluster.h"
#include "broker/handlers/find_coordinator.h"
#include "broker/handlers/init_producer_id.h"
#include "tests/unit/broker/handlers/admin_harness.h"

using namespace strandline;

TEST_CASE("DescribeCluster: brokers are listed, fenced ones on request", "[handlers]") {
  AdminHarness t;
  t.register_broker(2, HostPort{"two", 2});
  t.fence(2);
  const auto live = answer_describe_cluster(t.image(), t.listener, {});
  CHECK(live.cluster_id == to_text(t.image().cluster_id));
  CHECK(live.controller_id == BrokerId{1});
  REQUIRE(live.brokers.size() == 1);
  CHECK(live.brokers[0].host == "localhost");
  CHECK(live.cluster_authorized_operations == wire::kOperationsNotAsked);
  const auto all = answer_describe_cluster(
      t.image(), t.listener,
      {.include_cluster_authorized_operations = true, .include_fenced_brokers = true});
  REQUIRE(all.brokers.size() == 2);
  CHECK(all.brokers[1].is_fenced);
  CHECK(all.brokers[1].host == "two");
  CHECK(all.cluster_authorized_operations == 8096);
}

TEST_CASE("DescribeCluster: controllers are not found on this listener", "[handlers]") {
  AdminHarness t;
  const auto code = [&](int type) {
    return answer_describe_cluster(t.image(), t.listener,
                                   {.endpoint_type = static_cast<wire::EndpointType>(type)})
        .error_code;
  };
  CHECK(code(1) == Errc::ok);
  CHECK(code(2) == Errc::mismatched_endpoint_type);
  CHECK(code(3) == Errc::unsupported_endpoint_type);
}

TEST_CASE("InitProducerId: an idempotent producer gets an id, or is told to ask again",
          "[handlers]") {
  CHECK(!refuse_init_producer_id({}));
  const auto answer = answer_init_producer_id(ProducerId{2000});
  CHECK(answer.error_code == Errc::ok);
  CHECK(answer.producer_id == ProducerId{2000});
  CHECK(answer.producer_epoch == ProducerEpoch{0});
  const auto later = answer_init_producer_id(make_error_code(Errc::request_timed_out));
  CHECK(later.error_code == Errc::coordinator_load_in_progress);
  CHECK(later.producer_id == kNoProducerId);
}

TEST_CASE("InitProducerId: a transactional id is refused for good", "[handlers]") {
  for (const std::string_view id : {"payments", ""}) {
    const auto refused = refuse_init_producer_id({.transactional_id = id});
    REQUIRE(refused);
    CHECK(refused->error_code == Errc::invalid_request);
    CHECK(refused->producer_id == kNoProducerId);
    CHECK(refused->producer_epoch == kNoProducerEpoch);
  }
}

TEST_CASE("FindCoordinator: a group has none available, a transaction is refused for good",
          "[handlers]") {
  const auto old = answer_find_coordinator({.key = "g"}, 3);
  CHECK(old.error_code == Errc::coordinator_not_available);
  CHECK(old.error_message);
  CHECK(old.node_id == kNoBroker);
  const auto batch = answer_find_coordinator(
      {.key_type = wire::CoordinatorType::transaction, .keys = {"a", "b"}}, 4);
  CHECK(batch.error_code == Errc::ok);
  REQUIRE(batch.coordinators.size() == 2);
  CHECK(batch.coordinators[1].key == "b");
  CHECK(batch.coordinators[1].error_code == Errc::transactional_id_authorization_failed);
  CHECK(batch.coordinators[1].error_message == "This broker does not serve transactions");
}

TEST_CASE("ApiVersions: lists the APIs, unless the client's name is none", "[handlers]") {
  const auto good = answer_api_versions(
      {.client_software_name = "librdkafka", .client_software_version = "2.0.2"}, 3);
  CHECK(good.error_code == Errc::ok);
  CHECK(good.apis.size() > 10);
  const auto bad =
      answer_api_versions({.client_software_name = "-", .client_software_version = "1"}, 3);
  CHECK(bad.error_code == Errc::invalid_request);
  CHECK(bad.apis.empty());
  CHECK(answer_api_versions({}, 0).error_code == Errc::ok);
}
