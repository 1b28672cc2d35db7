// Frames of the Kafka protocol, sizes included. Requests were captured from kcat 1.7.1 (librdkafka
// 2.0.2, client id "rdkafka") and from @platformatic/kafka 2.12.1 (client id "plt"); these clients
// accepted the answers.
#pragma once

#include <string>

namespace strandline::wire::vectors {

inline const std::string kApiVersionsV3Request =
    "00000024 0012 0003 00000001 0007 72646b61666b61 00 0b 6c696272646b61666b61 06 322e302e32 00";
inline const std::string kApiVersionsUnknownAnswer =
    "00000010 00000001 0023 00000001 0012 0000 0004";

inline const std::string kMetadataV4Request =
    "0000001a 0003 0004 00000002 0007 72646b61666b61 00000001 0002 7431 01";
inline const std::string kMetadataV4Answer =
    "00000054 00000002 00000000 00000001 00000001 0009 3132372e302e302e31 00004aa1 ffff"
    "0004 6d696e69 00000001 00000001 0000 0002 7431 00 00000001 0000 00000000 00000001"
    "00000001 00000001 00000001 00000001";

// One record: key k1, value v1, header h=x.
inline const std::string kBatchA =
    "0000000000000000 00000040 00000000 02 609232ed 0000 00000000 000001a1fbbaf7bf"
    "000001a1fbbaf7bf ffffffffffffffff ffff ffffffff 00000001"
    "1c 00 00 00 04 6b31 04 7631 02 02 68 02 78";
inline const std::string kProduceV7Request =
    "00000079 0000 0007 00000003 0007 72646b61666b61 ffff ffff 00007530 00000001 0002 7431"
    "00000001 00000000 0000004c" +
    kBatchA;
inline const std::string kProduceV7Answer =
    "00000032 00000003 00000001 0002 7431 00000001 00000000 0000 0000000000000000"
    "ffffffffffffffff 0000000000000000 00000000";

inline const std::string kFetchV11Request =
    "00000058 0001 000b 00000007 0007 72646b61666b61 ffffffff 000001f4 00000001 03200000 01"
    "00000000 ffffffff 00000001 0002 7431 00000001 00000000 ffffffff 0000000000000000"
    "ffffffffffffffff 00100000 00000000 0000";
inline const std::string kFetchV11Answer =
    "00000090 00000007 00000000 0000 00000000 00000001 0002 7431 00000001 00000000 0000"
    "0000000000000001 0000000000000001 0000000000000000 ffffffff ffffffff 0000004c" +
    kBatchA;

inline const std::string kMetadataV12Request =
    "00000026 0003 000c 00000002 0003 706c74 00 02 00000000000000000000000000000000 03 7074 00"
    "01 00 00";

// Two records; base sequence 0 though there is no producer id.
inline const std::string kBatchB =
    "0000000000000000 00000043 00000000 02 4e9ad0a7 0000 00000001 000001a1fbbafc77"
    "000001a1fbbafc77 ffffffffffffffff 0000 00000000 00000002"
    "10 00 00 00 02 6b 02 76 00 10 00 00 02 02 7a 02 77 00";
inline const std::string kProduceV11Request =
    "00000071 0000 000b 00000003 0003 706c74 00 00 0001 00001388 02 03 7074 02 00000000 50" +
    kBatchB + "00 00 00";
inline const std::string kProduceV11Answer =
    "00000031 00000003 00 02 03 7074 02 00000000 0000 0000000000000000 ffffffffffffffff"
    "0000000000000000 01 00 00 00 00000000 00";

inline const std::string kFetchV16Request =
    "0000005a 0001 0010 00000001 0003 706c74 00 00001388 00000001 03200000 01 00000000 00000000"
    "02 8d43d5ea44b2425d9d2b7ed6c427d6e4 02 00000000 ffffffff 0000000000000000 ffffffff"
    "ffffffffffffffff 03200000 00 00 01 01 00";
inline const std::string kFetchV16Answer =
    "00000097 00000001 00 00000000 0000 00000000 02 8d43d5ea44b2425d9d2b7ed6c427d6e4 02"
    "00000000 0000 0000000000000002 0000000000000002 0000000000000000 00 ffffffff 50" +
    kBatchB + "00 00 00";

}  // namespace strandline::wire::vectors
