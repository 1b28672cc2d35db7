// How calls fail: Result<T> holds a value or an ErrorCode, and cannot be ignored.
//
// STRANDLINE_TRY(var, expr)      in functions: binds the value or returns the error
// STRANDLINE_TRYV(expr)          the same where there is no value to bind
// STRANDLINE_CO_TRY(var, expr)   in coroutines (one await a statement: await first, then try)
//
// Asking an error for its value() ends the process (policy terminate): that is our own mistake.
// Only basic_result.hpp and try.hpp are included: the convenience headers double compile time.
//
// Thread   values, no state
#pragma once

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/try.hpp>
#include <boost/system/error_code.hpp>

namespace strandline {

using ErrorCode = boost::system::error_code;

template <class T>
using Result = boost::outcome_v2::basic_result<T, ErrorCode, boost::outcome_v2::policy::terminate>;

// A Result<void> that went well.
inline auto success() { return boost::outcome_v2::success(); }

}  // namespace strandline

#define STRANDLINE_TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)
#define STRANDLINE_TRYV(...) BOOST_OUTCOME_TRYV(__VA_ARGS__)
#define STRANDLINE_CO_TRY(...) BOOST_OUTCOME_CO_TRY(__VA_ARGS__)
#define STRANDLINE_CO_TRYV(...) BOOST_OUTCOME_CO_TRYV(__VA_ARGS__)
