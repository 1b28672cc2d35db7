// What a client may do about an error, in one table for all its parts: whether asking again can
// help, and whether what was asked may have been done all the same.
//
// Thread   pure functions
#pragma once

#include <cstdint>

#include "protocol/base/errc.h"
#include "protocol/base/result.h"

namespace strandline {

enum class Retry : std::uint8_t {
  never,           // the same request gets the same answer
  again,           // later, at the same broker
  after_metadata,  // later, and perhaps somewhere else: look who leads now
};

// Codes that are in no table of ours are final. Errors of sockets and of frames that do not decode
// are after_metadata: another broker, or the same after a restart, may answer.
Retry retry_of(Errc code);
Retry retry_of(const ErrorCode& error);

// True when a produce request that was refused so may have been appended, and may yet be committed:
// it was cut short while it waited for other replicas, or nobody can say. False is a promise.
bool leaves_doubt(Errc code);

}  // namespace strandline
