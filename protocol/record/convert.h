// Turns a batch from one codec to another, for topics whose compression.type is not "producer".
//
// Thread   any; the contexts have one owner
#pragma once

#include <optional>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/record/batch.h"
#include "protocol/record/compression.h"

namespace strandline {

// Appends to `out` the same batch with its records under `codec`; every other field is kept, length
// and checksum are made anew. Under the codec it has already, a batch is compressed anew as well.
//
// batch       one whole batch, exactly
// bytes_max   bound on the plain records
// Errors      as record_bytes(); `out` is unchanged then
Result<void> recompress_batch(ByteView batch, Codec codec, std::optional<int> level,
                              std::size_t bytes_max, Decompressor& decompressor,
                              Compressor& compressor, std::vector<std::byte>& out);

}  // namespace strandline
