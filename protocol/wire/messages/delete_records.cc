#include "protocol/wire/messages/delete_records.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(DeleteRecordsRequest, DeleteRecordsResponse)

}  // namespace strandline::wire
