// Agreement on the metadata log: Raft (Ongaro, Ousterhout 2014; Ongaro's thesis for pre-vote,
// check-quorum, leader transfer, membership changes one at a time) with Kafka's terms (KIP-595):
// an epoch is a term, a voter a (node, directory) pair, an observer follows without a vote.
//
//   follower     follows a leader, or waits for one
//   prospective  asks whether it would be elected                 follower, at its time-out
//   candidate    asks to be elected                               prospective, with a majority
//   leader       appends and replicates                           candidate, with a majority
//   Any of them becomes a follower at a newer epoch; a leader also when it does not hear from a
//   majority, or is a voter no longer. A lone voter passes through all of them at once.
//
// A replica that cut its log at the start, or whose log was damaged, is *uncertain*: it may have
// lost what it acknowledged. Its vote counts only in an election in which all voters vote, which
// then takes the one whose log goes furthest; else a majority has to be certain. It is certain
// again once a leader has brought it up to date.
//
// The owner carries out effects in their order. None waits for another: what needs the disk is said
// once on_vote_persisted() or on_synced() came.
//
// Thread   one owner
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/prng.h"
#include "replication/quorum/messages.h"
#include "replication/quorum/progress.h"
#include "replication/quorum/quorum_log.h"
#include "replication/quorum/voters.h"

namespace strandline {

struct QuorumConfig {
  ReplicaKey self;
  // Without a word from the leader for this long, and a random time of up to the spread, a voter
  // asks for votes. A leader that has not heard from a majority for this long gives up.
  Duration election_timeout = std::chrono::milliseconds{1000};
  Duration election_spread = std::chrono::milliseconds{1000};
  Duration heartbeat_interval = std::chrono::milliseconds{200};
  // A voter whose connection to the leader broke, or that has no leader and is connected to
  // somebody again, waits for up to this long, not for the time-out.
  Duration peer_wait_max = std::chrono::milliseconds{100};
  std::size_t message_bytes_max = std::size_t{256} << 10;  // of batches or snapshot in one message
  std::size_t messages_in_flight_max = 8;                  // to one follower, without an answer
  std::size_t observers_max = 1000;
};

// What must be on the disk before a vote is given.
struct QuorumVote {
  LeaderEpoch epoch{0};
  std::optional<ReplicaKey> voted_for;
  bool uncertain = false;
  // Where the newest change of the voters ends that was acknowledged: an uncertain replica whose
  // log lacks it does not know who votes.
  LogEnd voters_seen;
  // Where the newest change of the voters ends that is known to be committed.
  Offset voters_settled{0};

  friend bool operator==(const QuorumVote&, const QuorumVote&) = default;
};

// What the owner found on its disk.
struct QuorumStart {
  QuorumVote vote;
  QuorumLog log;              // all of it is flushed
  std::uint64_t incarnation;  // greater at each start of this replica
};

// --- effects

struct Send {
  ReplicaKey to;
  QuorumMessage message;
};
// Nobody sends the log: every broker it knows of (voters, and those it was told to join) is asked
// to.
struct FindLeader {
  FollowRequest request;
};
// Asks that broker, which it may not know yet.
struct AskLeader {
  Voter leader;
  FollowRequest request;
};
// Makes the vote durable, then on_vote_persisted(vote).
struct PersistVote {
  QuorumVote vote;
};
// Cuts the log, before anything that is appended after it. Nothing below is committed.
struct CutTail {
  Offset end;
};
// Appends and syncs; then on_synced(). A leader's own appends come as this, too.
struct AppendLog {
  std::vector<QuorumBatch> batches;
};
// Everything below `end` is decided for good; never falls.
struct Committed {
  Offset end;
};
// This replica leads: the owner appends a first batch of this epoch now, by append().
struct BecameLeader {
  LeaderEpoch epoch;
};
// The first batch of its epoch is committed: the leader knows all that is, and may decide.
struct LeaderReady {
  LeaderEpoch epoch;
};
// Somebody else leads now, or nobody is known to.
struct LeaderChanged {
  LeaderEpoch epoch;
  std::optional<ReplicaKey> leader;
};
// Hands out the newest snapshot, by on_snapshot_loaded().
struct LoadSnapshot {};
// Keeps a piece of a snapshot that is being received; at position 0 what was kept before is void.
struct WriteSnapshotChunk {
  LogEnd end;
  std::uint64_t position;
  std::vector<std::byte> bytes;
};
// The snapshot is whole: takes its state and begins the log anew behind it, durably; then
// on_snapshot_installed() or on_snapshot_unusable().
struct InstallSnapshot {
  LogEnd end;
};

using QuorumEffect = std::variant<Send, FindLeader, AskLeader, PersistVote, CutTail, AppendLog,
                                  Committed, BecameLeader, LeaderReady, LeaderChanged, LoadSnapshot,
                                  WriteSnapshotChunk, InstallSnapshot>;

enum class QuorumRole : std::uint8_t { follower, prospective, candidate, leader };

class Quorum {
 public:
  // seed   for time-outs: different on each replica
  Quorum(Instant now, QuorumConfig config, QuorumStart start, std::uint64_t seed);

  void on_message(Instant now, const QuorumMessage& message);
  // Early and repeated calls do no harm.
  void on_timeout(Instant now);
  Instant next_timeout() const { return deadline_; }

  void on_vote_persisted(Instant now, const QuorumVote& vote);
  // Everything appended below `flushed_end` is on the disk.
  void on_synced(Instant now, Offset flushed_end);
  // The connection to a broker broke, or could not be made.
  void on_peer_lost(Instant now, BrokerId node);
  // There is a connection to another replica, after there was none.
  void on_peer_found(Instant now);

  // The owner has a durable snapshot of everything below `end` and cut its log there.
  void on_log_start(Offset end);
  // Answers LoadSnapshot. Empty bytes: there is none; it is asked again later.
  void on_snapshot_loaded(Instant now, const LogEnd& end,
                          std::shared_ptr<const std::vector<std::byte>> bytes);
  // voters   as the snapshot names them
  void on_snapshot_installed(Instant now, const LogEnd& end, const VoterSet& voters);
  void on_snapshot_unusable(Instant now, const LogEnd& end);

  // Appends one batch as the leader.
  //
  // Needs    a batch at log_end(), in epoch(); `voters` only by change_voters()
  // Errors   not_controller   this replica does not lead, or is handing over
  Errc append(Instant now, QuorumBatch batch);

  // Whether the voters may be changed to these now; append() their batch then.
  //
  // Errors   not_controller         as above, or the leader has committed nothing of its epoch
  //          voter_change_pending   an earlier change is not committed yet
  //          invalid_voters         more than one step away, or none left
  //          voter_not_caught_up    a new one does not have everything that is committed
  //          voters_silent          no majority of them is heard from: nothing could be committed
  Errc check_voters(Instant now, const VoterSet& voters) const;

  // Hands the leadership to a voter once it has everything; append() refuses meanwhile. Given up
  // after the election time-out.
  //
  // Errors   not_controller; invalid_voters   not another voter
  Errc transfer_leadership(Instant now, const ReplicaKey& to);

  QuorumRole role() const { return role_; }
  bool leads() const { return role_ == QuorumRole::leader; }
  bool is_ready() const { return leads() && ready_; }
  LeaderEpoch epoch() const { return vote_.epoch; }
  const std::optional<ReplicaKey>& leader() const { return leader_; }
  // A moment of this term at which it led still, the latest that is known: what another leader
  // decided, or decides, comes later. None: it does not lead, or no majority has answered yet. A
  // follower's answer proves it for when the question was sent (Ongaro 2014, section 6.4).
  std::optional<Instant> led_at(Instant now) const;
  // Another that led, and when it was heard last; none: not since the start, or since it led
  // itself.
  struct HeardLeader {
    ReplicaKey key;
    Instant at;
  };
  const std::optional<HeardLeader>& heard_leader() const { return heard_leader_; }
  Offset log_end() const { return log_.end().offset; }
  Offset committed() const { return committed_; }
  Offset flushed() const { return flushed_; }
  bool is_uncertain() const { return vote_.uncertain; }
  const VoterSet& voters() const { return log_.voters(); }
  const QuorumLog& log() const { return log_; }

  // Of a leader: what it knows of the others, voters and observers.
  struct Replica {
    ReplicaKey key;
    bool is_voter = false;
    Offset flushed{0};
    std::optional<Instant> heard;
  };
  std::vector<Replica> replicas() const;

  std::vector<QuorumEffect> take_effects();

  // Compares also with what it was at the last call: no epoch and no committed offset falls.
  void assert_invariants();

 private:
  // Votes of one election.
  struct Tally {
    std::set<ReplicaKey> certain;
    std::set<ReplicaKey> uncertain;
    // before   the voters before a change that may not be committed; else the same
    bool wins(const VoterSet& voters, const VoterSet& before) const;
  };

  void on(Instant now, const VoteRequest& request);
  void on(Instant now, const VoteResponse& response);
  void on(Instant now, const ReplicateRequest& request);
  void on(Instant now, const ReplicateResponse& response);
  void on(Instant now, const SnapshotChunk& chunk);
  void on(Instant now, const SnapshotResponse& response);
  void on(Instant now, const TransferRequest& request);
  void on(Instant now, const FollowRequest& request);
  void on(Instant now, const FollowResponse& response);

  // quorum.cc
  void commit_to(Offset end);
  Duration random_timeout();
  void ask_for_votes_soon(Instant now);

  // quorum_votes.cc
  bool may_lead() const;
  bool has_lost_voters() const { return vote_.uncertain && log_.end() < vote_.voters_seen; }
  const VoterSet& settled_voters() const;
  bool has_fresh_leader(Instant now) const;
  bool would_vote_for(Instant now, const VoteRequest& request) const;
  void ask_for_votes(bool pre_vote);
  void begin_pre_vote(Instant now);
  void begin_election(Instant now, bool by_transfer);
  void count_vote(Instant now, const ReplicaKey& voter, bool uncertain);
  void conclude_if_won(Instant now);
  void persist(const QuorumVote& vote);
  void note_voters_seen();
  void note_voters_settled();
  void learn_voters_settled(const LogEnd& change);
  bool knows_settled(const LogEnd& change) const;
  Offset acknowledged() const;
  void become_certain();
  void follow(Instant now, LeaderEpoch epoch, std::optional<ReplicaKey> leader);
  void set_leader(LeaderEpoch epoch, std::optional<ReplicaKey> leader);

  // quorum_follower.cc
  void wait_for_leader(Instant now);
  bool accept_leader(Instant now, LeaderEpoch epoch, const ReplicaKey& leader);
  bool holds(const LogEnd& previous) const;
  bool take_batches(const ReplicateRequest& request);
  void answer_leader();
  void become_certain_if_caught_up();
  void take_chunk(const SnapshotChunk& chunk);
  void answer_chunk(const LogEnd& end, std::uint64_t position);

  // quorum_leader.cc
  enum class Word : std::uint8_t { in_any_case, if_there_is_news };
  void become_leader(Instant now);
  void lead_on(Instant now);
  bool hears_majority(Instant now, const VoterSet& voters) const;
  void replicate_to_all(Word word);
  // Says to all that it leads, and notes when.
  void ask_all(Instant now);
  void replicate_to(const ReplicaKey& key, Progress& progress, Word word);
  void send_request(const ReplicaKey& key, Progress& progress, std::vector<QuorumBatch> batches);
  void send_snapshot(const ReplicaKey& key, Progress& progress, Word word);
  // Nothing: an answer that is not for this term, or of somebody unknown.
  Progress* heard_from(Instant now, const ReplicaKey& key, std::uint64_t incarnation,
                       LeaderEpoch epoch, std::uint64_t round);
  void advance_commit(Instant now);
  void match_progress_to_voters();
  void forget_silent_observers(Instant now);
  void hand_over_if_caught_up();
  void resign_if_removed(Instant now);

  template <class Effect>
  void emit(Effect effect) {
    effects_.push_back(std::move(effect));
  }
  void send(const ReplicaKey& to, QuorumMessage message) { emit(Send{to, std::move(message)}); }

  const QuorumConfig config_;
  const std::uint64_t incarnation_;
  Prng prng_;
  QuorumLog log_;
  QuorumVote vote_;       // as decided; durable up to persisted_
  QuorumVote persisted_;  // the newest the owner has told of
  Offset flushed_;        // of the own log
  Offset committed_;
  LogEnd settled_change_;  // where the newest change of the voters ends that was committed here
  QuorumRole role_ = QuorumRole::follower;
  Instant deadline_;

  // A follower's.
  std::optional<ReplicaKey> leader_;
  std::optional<HeardLeader> heard_leader_;
  bool leader_lost_ = false;                  // its connection broke since
  std::uint64_t round_ = 0;                   // of the leader's latest request
  Offset matched_{0};                         // up to here the log is known to be the leader's
  std::optional<Offset> leader_committed_;    // as it said in this life of the replica
  std::optional<VoteResponse> vote_waiting_;  // for the disk
  struct Receiving {
    LogEnd end;
    std::uint64_t size = 0;
    std::uint64_t position = 0;
    bool installing = false;
  };
  std::optional<Receiving> receiving_;

  // A candidate's.
  Tally tally_;
  bool by_transfer_ = false;  // what this election is for

  // A leader's.
  bool ready_ = false;
  Instant led_since_{};
  std::map<ReplicaKey, Progress> progress_;  // of voters and observers, without itself
  std::optional<ReplicaKey> transfer_to_;
  Instant transfer_until_{};
  std::shared_ptr<const std::vector<std::byte>> snapshot_;  // while somebody needs it
  LogEnd snapshot_end_;
  bool snapshot_asked_ = false;

  std::vector<QuorumEffect> effects_;
  // At the last assert_invariants().
  LeaderEpoch epoch_before_{0};
  Offset committed_before_{0};
};

}  // namespace strandline
