#include "protocol/base/retry.h"

namespace strandline {

Retry retry_of(Errc code) {
  switch (code) {
    case Errc::corrupt_message:
    case Errc::request_timed_out:
    case Errc::coordinator_load_in_progress:
    case Errc::not_enough_replicas:
    case Errc::not_enough_replicas_after_append:
    case Errc::not_controller:
    case Errc::concurrent_transactions:
    case Errc::fetch_session_id_not_found:
    case Errc::invalid_fetch_session_epoch:
    case Errc::unknown_leader_epoch:
    case Errc::offset_not_available:
    case Errc::unstable_offset_commit:
    case Errc::throttling_quota_exceeded:
    case Errc::fetch_session_topic_id_error: return Retry::again;
    case Errc::unknown_topic_or_partition:
    case Errc::leader_not_available:
    case Errc::not_leader_or_follower:
    case Errc::replica_not_available:
    case Errc::coordinator_not_available:
    case Errc::not_coordinator:
    case Errc::kafka_storage_error:
    case Errc::listener_not_found:
    case Errc::fenced_leader_epoch:
    case Errc::preferred_leader_not_available:
    case Errc::eligible_leaders_not_available:
    case Errc::election_not_needed:
    case Errc::unknown_topic_id:
    case Errc::inconsistent_topic_id:
    case Errc::malformed_frame:
    case Errc::truncated_frame:
    case Errc::frame_too_large:
    case Errc::budget_exceeded:
    case Errc::unasked_answer:
    case Errc::rpc_not_connected:
    case Errc::rpc_connection_lost:
    case Errc::rpc_peer_silent: return Retry::after_metadata;
    default: return Retry::never;
  }
}

Retry retry_of(const ErrorCode& error) {
  if (error.category() != strandline_category()) return Retry::after_metadata;
  return retry_of(static_cast<Errc>(error.value()));
}

bool leaves_doubt(Errc code) {
  switch (code) {
    case Errc::unknown_server_error:
    case Errc::request_timed_out:
    case Errc::not_enough_replicas_after_append:
    case Errc::kafka_storage_error:
    // A leader that lost its office, or the whole partition, answers those who wait like that.
    case Errc::not_leader_or_follower:
    case Errc::unknown_topic_or_partition: return true;
    default: return false;
  }
}

}  // namespace strandline
