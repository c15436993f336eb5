#include "bpfgen/btf.h"

#include <cstring>

#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(btf_test)

namespace {

uint32_t word(const Bytes& bytes, size_t at) {
    BOOST_REQUIRE_LE(at + 4, bytes.size());
    return static_cast<uint32_t>(load_le(bytes.data() + at, 4));
}

BOOST_AUTO_TEST_CASE(header_types_and_strings) {
    BtfBuilder b;
    const auto u64 = b.integer("__u64", 8, false);
    const auto pair = b.structure("pair", 16, {{"first", u64, 0}, {"second", u64, 8}});
    BOOST_TEST(u64 == 1u);
    BOOST_TEST(pair == 2u);
    BOOST_TEST(b.pointer(pair) == 3u);
    BOOST_TEST(b.string("first") == b.string("first"));

    const Bytes section = b.section();
    BOOST_TEST(load_le(section.data(), 2) == BTF_MAGIC);
    BOOST_TEST(word(section, 4) == sizeof(btf_header));
    const uint32_t types = word(section, 12);
    BOOST_TEST(types == 16 + (12 + 2 * 12) + 12u);
    BOOST_TEST(word(section, 16) == types);  // strings follow
    BOOST_TEST(section.size() == sizeof(btf_header) + types + word(section, 20));
    BOOST_TEST(section[sizeof(btf_header) + types] == 0);

    // struct pair: its second member is 64 bits in.
    const size_t at = sizeof(btf_header) + 16;
    BOOST_TEST(word(section, at + 4) == (BTF_KIND_STRUCT << 24 | 2));
    BOOST_TEST(word(section, at + 8) == 16u);
    BOOST_TEST(word(section, at + 12 + 12 + 8) == 64u);
    const char* strings =
        reinterpret_cast<const char*>(section.data()) + sizeof(btf_header) + types;
    BOOST_TEST(std::strcmp(strings + word(section, at + 12 + 12), "second") == 0);
}

BOOST_AUTO_TEST_CASE(line_records_ascend_and_point_at_whole_instructions) {
    auto compiled = lisp::compile(std::make_shared<const SourceFile>(
        "f.vfl", "(or (= src-ip 10.0.0.1)\n    (= dst-ip 200.0.0.1)\n    (= proto 17))"));
    BOOST_TEST_REQUIRE(compiled.has_value());
    const Program program = test::generated(test::verified(std::move(compiled->module)));
    const ProgramBtf made = make_btf(program);

    const Bytes& ext = made.ext;
    const uint32_t header = word(ext, 4);
    BOOST_TEST(word(ext, header + word(ext, 8)) == 8u);  // size of a function record
    const size_t lines = header + word(ext, 16);
    BOOST_TEST(word(ext, lines) == 16u);
    const uint32_t count = word(ext, lines + 8);
    BOOST_TEST(count >= 3u);
    std::vector<bool> second_slot(program.insns.size());
    for (size_t i = 0; i < program.insns.size(); ++i) {
        if (!second_slot[i] && ebpf::is_wide(program.insns[i])) second_slot[i + 1] = true;
    }
    const uint32_t types = word(made.btf, 12);
    const char* strings =
        reinterpret_cast<const char*>(made.btf.data()) + sizeof(btf_header) + types;
    uint32_t previous = 0;
    bool saw_third_line = false;
    for (uint32_t i = 0; i < count; ++i) {
        const size_t record = lines + 12 + 16 * i;
        const uint32_t offset = word(ext, record);
        BOOST_TEST(offset % sizeof(bpf_insn) == 0u);
        BOOST_TEST(!second_slot[offset / sizeof(bpf_insn)]);
        if (i == 0) {
            BOOST_TEST(offset == 0u);
        } else {
            BOOST_TEST(offset > previous);
        }
        previous = offset;
        BOOST_TEST(std::strcmp(strings + word(ext, record + 4), "f.vfl") == 0);
        const uint32_t line = word(ext, record + 12) >> 10;
        if (line == 3) {
            saw_third_line = true;
            BOOST_TEST(std::strcmp(strings + word(ext, record + 8), "    (= proto 17))") == 0);
        }
    }
    BOOST_TEST(saw_third_line);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
