#include <boost/test/unit_test.hpp>

#include "core/base/bytes.h"

BOOST_AUTO_TEST_SUITE(bytes_test)

using namespace vfm;

BOOST_AUTO_TEST_CASE(big_endian_of_every_size) {
    const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8};
    BOOST_TEST(load_be(data, 1) == 0x01u);
    BOOST_TEST(load_be(data, 2) == 0x0102u);
    BOOST_TEST(load_be(data, 4) == 0x01020304u);
    BOOST_TEST(load_be(data, 8) == 0x0102030405060708u);
    BOOST_TEST(load_be<uint16_t>(data + 1) == 0x0203u);
}

BOOST_AUTO_TEST_CASE(little_endian_there_and_back) {
    Bytes out;
    append_le(out, 0x0102030405060708, 8);
    append_le(out, 0xfffe, 2);
    append_le(out, 0x1ff, 1);
    BOOST_TEST(hex(out) == "08 07 06 05 04 03 02 01 fe ff ff");
    BOOST_TEST(load_le(out.data(), 8) == 0x0102030405060708u);
    BOOST_TEST(load_le(out.data(), 3) == 0x060708u);
    BOOST_TEST(load_le(out.data(), 0) == 0u);
    BOOST_TEST(load_le<uint32_t>(out.data() + 7) == 0xfffffe01u);
}

BOOST_AUTO_TEST_CASE(hex_of_nothing) { BOOST_TEST(hex({}).empty()); }

BOOST_AUTO_TEST_SUITE_END()
