// Compiles the codec of one message. Included by messages/*.cc alone.
#pragma once

#include "protocol/wire/decode_impl.h"
#include "protocol/wire/encode_impl.h"
#include "protocol/wire/print_impl.h"

#define STRANDLINE_WIRE_MESSAGE_(M)                                                    \
  template Result<M> decode<M>(ByteView, std::int16_t, DecodeBudget&, DecodeFailure*); \
  template void encode_body<M>(const M&, std::int16_t, EncodedFrame&);                 \
  template std::string to_text<M>(const M&, std::int16_t, std::size_t);

#define STRANDLINE_WIRE_API(Request, Response)                                         \
  STRANDLINE_WIRE_MESSAGE_(Request)                                                    \
  STRANDLINE_WIRE_MESSAGE_(Response)                                                   \
  template void encode_request<Request>(const Request&, std::int16_t, std::int32_t,    \
                                        std::string_view, EncodedFrame&);              \
  template void encode_response<Response>(const Response&, std::int16_t, std::int32_t, \
                                          EncodedFrame&);
