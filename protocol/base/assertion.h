// Assertions for our own mistakes. They stay on in release and end the process: a broker that goes
// on after a broken invariant can lose records, one that stops is restarted and recovers.
// Bytes from network, disk or user are never asserted upon.
//
// Thread   any
#pragma once

namespace strandline {

// Prints the condition with its place to stderr and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace strandline

#define STRANDLINE_ASSERT(condition)                 \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::strandline::assertion_failed(#condition, __FILE__, __LINE__))
