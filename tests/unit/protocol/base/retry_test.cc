// What a client may do about an error.
#include "protocol/base/retry.h"

#include <boost/system/errc.hpp>
#include <catch2/catch.hpp>

namespace strandline {
namespace {

TEST_CASE("retry_of: what passes is asked again, who leads is looked up, the rest is final",
          "[retry]") {
  CHECK(retry_of(Errc::not_enough_replicas) == Retry::again);
  CHECK(retry_of(Errc::not_leader_or_follower) == Retry::after_metadata);
  CHECK(retry_of(Errc::fenced_leader_epoch) == Retry::after_metadata);
  CHECK(retry_of(Errc::unknown_topic_or_partition) == Retry::after_metadata);
  CHECK(retry_of(Errc::message_too_large) == Retry::never);
  CHECK(retry_of(Errc::topic_authorization_failed) == Retry::never);
  CHECK(retry_of(static_cast<Errc>(9999)) == Retry::never);
}

TEST_CASE("retry_of: a connection that fails is a reason to look elsewhere", "[retry]") {
  CHECK(retry_of(make_error_code(boost::system::errc::connection_reset)) == Retry::after_metadata);
  CHECK(retry_of(ErrorCode{Errc::rpc_connection_lost}) == Retry::after_metadata);
  CHECK(retry_of(ErrorCode{Errc::message_too_large}) == Retry::never);
}

TEST_CASE("leaves_doubt: only a refusal before the append promises that nothing was appended",
          "[retry]") {
  CHECK(leaves_doubt(Errc::not_enough_replicas_after_append));
  CHECK(leaves_doubt(Errc::request_timed_out));
  CHECK(leaves_doubt(Errc::not_leader_or_follower));
  CHECK_FALSE(leaves_doubt(Errc::not_enough_replicas));
  CHECK_FALSE(leaves_doubt(Errc::message_too_large));
}

}  // namespace
}  // namespace strandline
