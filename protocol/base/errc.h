// Every refusal a peer can act on, one table for both ends of the wire, and the causes of our own
// that never leave the process as a number.
//
// Codes below 1000 are the Kafka protocol's, with its numbers. Codes from 1000 on are ours; on the
// wire they become the Kafka code of their row (see kafka_code()).
//
// Thread   values, no state
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "protocol/base/result.h"

namespace strandline {

// X(name, number, kafka code, text)
#define STRANDLINE_KAFKA_ERRORS(X)                                                          \
  X(unknown_server_error, -1, "unexpected server error")                                    \
  X(offset_out_of_range, 1, "offset outside the log")                                       \
  X(corrupt_message, 2, "checksum or size of the batch is wrong")                           \
  X(unknown_topic_or_partition, 3, "no such topic or partition here")                       \
  X(leader_not_available, 5, "an election is under way")                                    \
  X(not_leader_or_follower, 6, "this broker does not lead the partition")                   \
  X(request_timed_out, 7, "the request timed out on the broker")                            \
  X(broker_not_available, 8, "broker not available")                                        \
  X(replica_not_available, 9, "replica not here")                                           \
  X(message_too_large, 10, "batch larger than max.message.bytes")                           \
  X(offset_metadata_too_large, 12, "commit metadata too long")                              \
  X(coordinator_load_in_progress, 14, "the coordinator is loading")                         \
  X(coordinator_not_available, 15, "the coordinator is not up")                             \
  X(not_coordinator, 16, "wrong coordinator")                                               \
  X(invalid_topic_exception, 17, "bad topic name, or an internal topic")                    \
  X(record_list_too_large, 18, "batch larger than a segment")                               \
  X(not_enough_replicas, 19, "too few in-sync replicas, nothing was appended")              \
  X(not_enough_replicas_after_append, 20, "too few in-sync replicas after the append")      \
  X(invalid_required_acks, 21, "acks must be -1, 0 or 1")                                   \
  X(illegal_generation, 22, "wrong generation")                                             \
  X(inconsistent_group_protocol, 23, "no common group protocol")                            \
  X(invalid_group_id, 24, "bad group id")                                                   \
  X(unknown_member_id, 25, "member not known")                                              \
  X(invalid_session_timeout, 26, "session timeout outside the limits")                      \
  X(rebalance_in_progress, 27, "a rebalance is under way, join again")                      \
  X(topic_authorization_failed, 29, "topic not allowed")                                    \
  X(group_authorization_failed, 30, "group not allowed")                                    \
  X(cluster_authorization_failed, 31, "cluster operation not allowed")                      \
  X(invalid_timestamp, 32, "record timestamp outside the limits")                           \
  X(unsupported_sasl_mechanism, 33, "SASL mechanism not enabled")                           \
  X(illegal_sasl_state, 34, "SASL call at the wrong time")                                  \
  X(unsupported_version, 35, "version or option not supported")                             \
  X(topic_already_exists, 36, "topic exists")                                               \
  X(invalid_partitions, 37, "bad partition count")                                          \
  X(invalid_replication_factor, 38, "bad replication factor")                               \
  X(invalid_replica_assignment, 39, "bad replica assignment")                               \
  X(invalid_config, 40, "bad configuration key or value")                                   \
  X(not_controller, 41, "this broker is not the controller")                                \
  X(invalid_request, 42, "malformed or contradictory request")                              \
  X(unsupported_for_message_format, 43, "needs a newer message format")                     \
  X(policy_violation, 44, "refused by policy")                                              \
  X(out_of_order_sequence_number, 45, "gap in the producer's sequence numbers")             \
  X(duplicate_sequence_number, 46, "duplicate older than the batches kept")                 \
  X(invalid_producer_epoch, 47, "stale producer epoch")                                     \
  X(invalid_txn_state, 48, "not valid in this transaction state")                           \
  X(invalid_producer_id_mapping, 49, "producer id does not belong to the transactional id") \
  X(invalid_transaction_timeout, 50, "transaction timeout outside the limits")              \
  X(concurrent_transactions, 51, "the previous transaction is not finished")                \
  X(transaction_coordinator_fenced, 52, "marker of an old coordinator")                     \
  X(transactional_id_authorization_failed, 53, "transactional id not allowed")              \
  X(security_disabled, 54, "no authorizer is configured")                                   \
  X(operation_not_attempted, 55, "skipped because another part of the request failed")      \
  X(kafka_storage_error, 56, "disk error")                                                  \
  X(log_dir_not_found, 57, "data directory not found")                                      \
  X(sasl_authentication_failed, 58, "login failed")                                         \
  X(unknown_producer_id, 59, "no state for the producer")                                   \
  X(reassignment_in_progress, 60, "a reassignment is under way")                            \
  X(non_empty_group, 68, "group not empty")                                                 \
  X(group_id_not_found, 69, "no such group")                                                \
  X(fetch_session_id_not_found, 70, "fetch session unknown")                                \
  X(invalid_fetch_session_epoch, 71, "fetch session epoch wrong")                           \
  X(listener_not_found, 72, "the leader lacks this listener")                               \
  X(topic_deletion_disabled, 73, "topic deletion is off")                                   \
  X(fenced_leader_epoch, 74, "leader epoch of the request is older than ours")              \
  X(unknown_leader_epoch, 75, "leader epoch of the request is newer than ours")             \
  X(stale_broker_epoch, 77, "the broker has registered again since")                        \
  X(unsupported_compression_type, 76, "codec not allowed here")                             \
  X(offset_not_available, 78, "high watermark not known yet, retry")                        \
  X(member_id_required, 79, "join again with the given member id")                          \
  X(preferred_leader_not_available, 80, "preferred replica not available")                  \
  X(group_max_size_reached, 81, "group is full")                                            \
  X(fenced_instance_id, 82, "static member was replaced")                                   \
  X(eligible_leaders_not_available, 83, "no eligible leader")                               \
  X(election_not_needed, 84, "the leader is already the wanted one")                        \
  X(no_reassignment_in_progress, 85, "nothing to cancel")                                   \
  X(group_subscribed_to_topic, 86, "group still subscribes to the topic")                   \
  X(invalid_record, 87, "record or batch malformed")                                        \
  X(unstable_offset_commit, 88, "transactional offsets are pending")                        \
  X(throttling_quota_exceeded, 89, "quota exceeded, retry after the throttle time")         \
  X(producer_fenced, 90, "a newer producer uses this transactional id")                     \
  X(resource_not_found, 91, "not found")                                                    \
  X(duplicate_resource, 92, "named twice in one request")                                   \
  X(unacceptable_credential, 93, "credential parameters refused")                           \
  X(invalid_update_version, 95, "the partition has changed since")                          \
  X(unknown_topic_id, 100, "no such topic id")                                              \
  X(duplicate_broker_registration, 101, "a live broker has this node.id")                   \
  X(inconsistent_topic_id, 103, "topic id does not match the log")                          \
  X(transactional_id_not_found, 105, "no such transactional id")                            \
  X(fetch_session_topic_id_error, 106, "session mixes topic names and ids")                 \
  X(ineligible_replica, 107, "a replica that may not be in sync")                           \
  X(fenced_member_epoch, 110, "member epoch fenced, join again")                            \
  X(unreleased_instance_id, 111, "instance id still in use")                                \
  X(unsupported_assignor, 112, "assignor unknown")                                          \
  X(stale_member_epoch, 113, "member epoch is old, retry")                                  \
  X(mismatched_endpoint_type, 114, "asked the wrong kind of node")                          \
  X(unsupported_endpoint_type, 115, "endpoint type unknown")                                \
  X(transaction_abortable, 120, "abort this transaction, then go on")                       \
  X(invalid_regular_expression, 128, "regular expression does not compile")                 \
  X(rebootstrap_required, 129, "bootstrap anew")

// X(name, number, Kafka code it becomes on the wire, text)
#define STRANDLINE_OWN_ERRORS(X)                                                       \
  X(malformed_frame, 1000, 42, "frame does not decode")                                \
  X(truncated_frame, 1001, 42, "frame ends before its last field")                     \
  X(frame_too_large, 1002, 42, "frame larger than the limit")                          \
  X(budget_exceeded, 1003, 42, "message would decode to more memory than it may")      \
  X(unsupported_api, 1004, 35, "API not served")                                       \
  X(invalid_uuid, 1005, 42, "not a 22-character URL-safe base64 id")                   \
  X(frame_checksum, 1006, 42, "checksum of the frame is wrong")                        \
  X(frame_version, 1007, 35, "frame of a version that is not spoken here")             \
  X(too_many_attachments, 1008, 42, "more attachments than a frame may have")          \
  X(corrupt_batch, 1010, 2, "record batch is damaged")                                 \
  X(unsupported_magic, 1011, 87, "record format older than v2")                        \
  X(decompress_failed, 1012, 2, "compressed records do not decompress")                \
  X(decompressed_too_large, 1013, 10, "records decompress to more than the limit")     \
  X(segment_full, 1020, 56, "segment is full, roll it")                                \
  X(segment_poisoned, 1021, 56, "an earlier write to this segment failed")             \
  X(log_offline, 1022, 56, "the partition's log is offline")                           \
  X(would_block, 1023, 56, "not in memory; ask a disk thread")                         \
  X(corrupt_file, 1024, 56, "file is damaged")                                         \
  X(unsupported_format, 1025, 56, "file was written by a newer version")               \
  X(directory_locked, 1026, 56, "another process uses the data directory")             \
  X(foreign_directory, 1027, 56, "data directory belongs to another cluster or node")  \
  X(disk_full, 1028, 56, "disk is filled to its water mark")                           \
  X(memory_exhausted, 1030, 89, "memory budget is used up")                            \
  X(shutting_down, 1031, 8, "broker is shutting down")                                 \
  X(invalid_setting, 1032, 40, "setting is not valid")                                 \
  X(rpc_not_connected, 1040, 8, "no connection to the broker, nothing was sent")       \
  X(rpc_connection_lost, 1041, 7, "connection broke, the request may have run")        \
  X(rpc_queue_full, 1042, 89, "too much waits to be sent, nothing was added")          \
  X(rpc_refused, 1043, 8, "handshake refused")                                         \
  X(rpc_peer_silent, 1044, 8, "nothing was heard from the broker in time")             \
  X(voter_change_pending, 1050, 51, "an earlier change of the voters is not finished") \
  X(invalid_voters, 1051, 42, "not a change of one voter, or no voters left")          \
  X(voter_not_caught_up, 1052, 42, "the new voter does not have the log yet")          \
  X(voters_silent, 1053, 42, "no majority of the new voters is heard from")            \
  X(producer_buffer_full, 1060, 89, "the producer's buffer is full")                   \
  X(unasked_answer, 1061, 42, "not an answer to what was asked")

enum class Errc : int {
  ok = 0,
#define X(name, number, text) name = number,
  STRANDLINE_KAFKA_ERRORS(X)
#undef X
#define X(name, number, kafka, text) name = number,
      STRANDLINE_OWN_ERRORS(X)
#undef X
};

// The enumerator's name ("fenced_leader_epoch"), or "unknown" for a number not in the table.
std::string_view errc_name(Errc code);

// One sentence for people, without a full stop.
std::string_view errc_text(Errc code);

const boost::system::error_category& strandline_category();

inline ErrorCode make_error_code(Errc code) {
  return {static_cast<int>(code), strandline_category()};
}

// The number to put on the wire: ours become their row's Kafka code, system errors (disk, socket)
// become KAFKA_STORAGE_ERROR (56), anything else UNKNOWN_SERVER_ERROR (-1).
std::int16_t kafka_code(const ErrorCode& error);
std::int16_t kafka_code(Errc code);

// The Errc in an error code, or unknown_server_error when it is of another category.
Errc errc_of(const ErrorCode& error);

}  // namespace strandline

template <>
struct boost::system::is_error_code_enum<strandline::Errc> : std::true_type {};
