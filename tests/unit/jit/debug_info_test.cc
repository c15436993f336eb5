// What profilers and debuggers are told: the perf map's lines, an ELF image, its registration.
#include "userspace/jit/runtime/debug_info.h"

#include <elf.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/jit/native_test.h"

BOOST_AUTO_TEST_SUITE(debug_info_test)

using namespace vfm;
using namespace vfm::jit;

extern "C" {
struct jit_code_entry {
    jit_code_entry* next_entry;
    jit_code_entry* prev_entry;
    const char* symfile_addr;
    uint64_t symfile_size;
};
struct jit_descriptor {
    uint32_t version;
    uint32_t action_flag;
    jit_code_entry* relevant_entry;
    jit_code_entry* first_entry;
};
extern jit_descriptor __jit_debug_descriptor;
}

namespace {

const Bytes kCode(48, 0x90);

NamedCode named() {
    return {.code = kCode,
            .name = "vfm:a.vfl",
            .source = "a.vfl",
            .lines = {{4, 7}, {16, 300}, {40, 2}}};
}

size_t images() {
    size_t count = 0;
    for (const auto* at = __jit_debug_descriptor.first_entry; at; at = at->next_entry) ++count;
    return count;
}

std::string perf_map() { return "/tmp/perf-" + std::to_string(getpid()) + ".map"; }

struct PerfMap {
    PerfMap() { std::filesystem::remove(perf_map()); }
    ~PerfMap() { std::filesystem::remove(perf_map()); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(perf_map_lines) {
    const auto start = reinterpret_cast<uintptr_t>(kCode.data());
    char wanted[400];
    std::snprintf(wanted, sizeof wanted,
                  "%lx 4 vfm:a.vfl\n%lx c vfm:a.vfl a.vfl:7\n%lx 18 vfm:a.vfl a.vfl:300\n"
                  "%lx 8 vfm:a.vfl a.vfl:2\n",
                  start, start + 4, start + 16, start + 40);
    BOOST_TEST(perf_map_text(named()) == wanted);
    NamedCode without = named();
    without.lines.clear();
    std::snprintf(wanted, sizeof wanted, "%lx 30 vfm:a.vfl\n", start);
    BOOST_TEST(perf_map_text(without) == wanted);
}

BOOST_AUTO_TEST_CASE(elf_image) {
    const Bytes image = debug_elf(named());
    Elf64_Ehdr file;
    BOOST_TEST_REQUIRE(image.size() > sizeof file);
    std::memcpy(&file, image.data(), sizeof file);
    BOOST_TEST(std::memcmp(file.e_ident, ELFMAG, SELFMAG) == 0);
    bool has_code = false, has_symbol = false, has_lines = false;
    for (unsigned i = 0; i < file.e_shnum; ++i) {
        Elf64_Shdr header;
        std::memcpy(&header, image.data() + file.e_shoff + i * sizeof header, sizeof header);
        if (header.sh_type != SHT_NOBITS)
            BOOST_TEST(header.sh_offset + header.sh_size <= image.size());
        if (header.sh_type == SHT_NOBITS) {
            has_code = true;
            BOOST_TEST(header.sh_addr == reinterpret_cast<uintptr_t>(kCode.data()));
            BOOST_TEST(header.sh_size == kCode.size());
        }
        const std::string_view content(
            reinterpret_cast<const char*>(image.data()) + header.sh_offset,
            header.sh_type == SHT_NOBITS ? 0 : header.sh_size);
        has_symbol |= header.sh_type == SHT_STRTAB && content.contains("vfm:a.vfl");
        has_lines |= header.sh_type == SHT_PROGBITS && content.contains("a.vfl");
    }
    BOOST_TEST(has_code);
    BOOST_TEST(has_symbol);
    BOOST_TEST(has_lines);
}

BOOST_AUTO_TEST_CASE(programs_come_and_go) {
    const PerfMap map;
    const size_t before = images();
    {
        const auto first = *NativeProgram::compile(test::any_program(), {.profiling = true});
        const auto second = *NativeProgram::compile(test::any_program(), {.profiling = true});
        BOOST_TEST(images() == before + 2);
        BOOST_TEST(__jit_debug_descriptor.action_flag == 1u);
        std::ifstream file(perf_map());
        std::string line;
        BOOST_TEST((std::getline(file, line) && line.contains(" vfm:")));
    }
    BOOST_TEST(images() == before);
    BOOST_TEST(__jit_debug_descriptor.action_flag == 2u);
}

BOOST_AUTO_TEST_CASE(nobody_is_told_unless_asked) {
    const PerfMap map;
    const size_t before = images();
    const auto program = *NativeProgram::compile(test::any_program());
    BOOST_TEST(images() == before);
    BOOST_TEST(!std::filesystem::exists(perf_map()));
}

BOOST_AUTO_TEST_CASE(a_link_in_place_of_the_map_is_not_followed) {
    const PerfMap map;
    const std::string victim = perf_map() + ".victim";
    std::ofstream(victim) << "keep\n";
    std::filesystem::create_symlink(victim, perf_map());
    const auto program = *NativeProgram::compile(test::any_program(), {.profiling = true});
    std::ifstream file(victim);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    BOOST_TEST(text == "keep\n");
    std::filesystem::remove(victim);
}

BOOST_AUTO_TEST_SUITE_END()
