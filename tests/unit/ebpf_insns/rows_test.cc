// Every row of the table in every form: made, taken apart, printed, and read by llvm-objdump.
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>
#include <regex>
#include <sstream>

#include "bpfgen/object.h"
#include "core/ebpf/constructors.h"
#include "core/ebpf/print.h"
#include "tests/harness/temp_dir.h"

namespace vfm::ebpf {
BOOST_AUTO_TEST_SUITE(rows_test)

namespace {

/// One form of one row.
struct Made {
    const InsnRow* row;
    std::vector<bpf_insn> insns;
};

constexpr Reg kDst = 1, kSrc = 2;
constexpr int32_t kImm = 5;
constexpr int16_t kOff = 8;

bpf_insn with_distance(bpf_insn insn) {
    insn.off = 3;
    return insn;
}

std::vector<bpf_insn> number_form(const InsnRow& row, uint8_t form) {
    const bool by_register = form == forms::x32 || form == forms::x64;
    const bool narrow = form == forms::k32 || form == forms::x32;
    switch (row.family) {
        case Family::alu:
            if (narrow)
                return {by_register ? alu32(row.code, kDst, kSrc)
                                    : alu32_imm(row.code, kDst, kImm)};
            return {by_register ? alu(row.code, kDst, kSrc) : alu_imm(row.code, kDst, kImm)};
        case Family::negate:
            return {narrow ? alu32_imm(BPF_NEG, kDst, 0) : neg(kDst)};
        case Family::branch:
            return {with_distance(by_register ? jump_if(row.code, kDst, kSrc, narrow)
                                              : jump_if_imm(row.code, kDst, kImm, narrow))};
        case Family::jump:
            return {narrow ? jump_far(40000) : jump(3)};
        case Family::may_jump:
            return {may_goto(3)};
        case Family::call:
            return {row.op == Op::CALL ? call(1) : call_local(3)};
        default:
            return {exit_insn()};
    }
}

std::vector<bpf_insn> memory_form(const InsnRow& row, unsigned bytes) {
    const Wide wide = load_imm64(kDst, 0x123456789a);
    switch (row.family) {
        case Family::wide:
            return {wide.first, wide.second};
        case Family::load:
            return {load(bytes, kDst, kSrc, kOff)};
        case Family::store_imm:
            return {store_imm(bytes, kDst, kOff, kImm)};
        case Family::store:
            return {store(bytes, kDst, kOff, kSrc)};
        default:
            return {atomic(bytes, kDst, kOff, kSrc, row.selector)};
    }
}

std::vector<Made> everything() {
    std::vector<Made> out;
    for (const InsnRow& row : insn_rows()) {
        if (row.family == Family::swap) {
            for (const int32_t bits : {16, 32, 64})
                out.push_back({&row, {row.op == Op::BE ? to_be(kDst, bits) : to_le(kDst, bits)}});
            continue;
        }
        for (unsigned form = 1; form <= 8; form *= 2) {
            if (!(row.forms & form)) continue;
            const bool memory = row.family >= Family::wide;
            out.push_back({&row, memory ? memory_form(row, form)
                                        : number_form(row, static_cast<uint8_t>(form))});
        }
    }
    return out;
}

std::string printed(const Made& made) {
    const auto insn = decode(made.insns, 0);
    return insn ? print_insn(*insn) : std::string(insn.error());
}

BOOST_AUTO_TEST_CASE(rows_are_numbered_by_their_operation) {
    for (const InsnRow& row : insn_rows()) BOOST_TEST(&row_of(row.op) == &row);
}

BOOST_AUTO_TEST_CASE(what_a_constructor_makes_is_the_row_that_it_was_made_for) {
    size_t forms_of_rows = 0;
    for (const Made& made : everything()) {
        const auto insn = decode(made.insns, 0);
        BOOST_TEST_REQUIRE(insn.has_value(), made.row->text << ": " << insn.error());
        BOOST_TEST(static_cast<int>(insn->op) == static_cast<int>(made.row->op));
        BOOST_TEST(static_cast<int>(family_of(made.insns[0].code).value()) ==
                   static_cast<int>(made.row->family));
        BOOST_TEST(insn->slots() == made.insns.size());
        ++forms_of_rows;
    }
    BOOST_TEST(forms_of_rows == 139u);
}

BOOST_AUTO_TEST_CASE(no_two_of_them_print_alike) {
    std::map<std::string, unsigned> seen;
    for (const Made& made : everything()) BOOST_TEST(++seen[printed(made)] == 1u, printed(made));
}

// Each of the 256 opcode bytes is of a row that some constructor makes, or of none.
BOOST_AUTO_TEST_CASE(other_opcode_bytes_are_of_no_row) {
    std::set<uint8_t> codes;
    for (const Made& made : everything()) codes.insert(made.insns[0].code);
    for (unsigned code = 0; code < 256; ++code)
        BOOST_TEST(family_of(static_cast<uint8_t>(code)).has_value() ==
                       codes.contains(static_cast<uint8_t>(code)),
                   "opcode " << code);
}

// Both texts without blanks, numbers in decimal; objdump writes exchanges in its own way, and of
// what is narrower than 8 bytes in memory the low half of the register.
std::string compared(std::string text) {
    static const std::regex place(R"(<\S+>$)"), blanks(R"(\s+)");
    text = std::regex_replace(std::regex_replace(text, place, ""), blanks, "");
    static const std::regex hex("0x([0-9a-f]+)");
    for (std::smatch found; std::regex_search(text, found, hex);)
        text = found.prefix().str() + std::to_string(std::stoull(found[1], nullptr, 16)) +
               found.suffix().str();
    static const std::regex exchange(R"((cmp)?xchg(32)?_(32|64)\((r\d+\+\d+),)");
    text = std::regex_replace(text, exchange, "atomic_$1xchg((u$3*)($4),");
    static const std::regex loaded(R"(^w(\d+=\*))"), stored(R"(^(\*.*=)w)");
    return std::regex_replace(std::regex_replace(text, loaded, "r$1"), stored, "$1r");
}

std::vector<std::string> objdump_lines(const std::string& path) {
    const std::string command = "llvm-objdump-19 -d --mcpu=v4 --no-show-raw-insn " + path;
    std::string output;
    if (FILE* pipe = popen(command.c_str(), "r")) {
        char buffer[4096];
        while (const size_t size = fread(buffer, 1, sizeof buffer, pipe))
            output.append(buffer, size);
        pclose(pipe);
    }
    std::vector<std::string> lines;
    static const std::regex numbered(R"(^\s*\d+:\s+(.*)$)");
    std::istringstream in(output);
    for (std::string line; std::getline(in, line);) {
        std::smatch found;
        if (std::regex_match(line, found, numbered)) lines.push_back(found[1]);
    }
    return lines;
}

boost::test_tools::assertion_result objdump_is_there(boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result result(
        std::system("llvm-objdump-19 --version >/dev/null 2>&1") == 0);
    if (!result) result.message() << "there is no llvm-objdump-19";
    return result;
}

BOOST_AUTO_TEST_CASE(llvm_objdump_reads_the_same,
                     *boost::unit_test::precondition(objdump_is_there)) {
    const std::vector<Made> all = everything();
    bpf::Program program;
    program.name = "every";
    std::vector<size_t> calls;
    for (const Made& made : all) {
        if (made.row->op == Op::CALL_LOCAL) calls.push_back(program.insns.size());
        program.insns.insert(program.insns.end(), made.insns.begin(), made.insns.end());
    }
    // What they call.
    const size_t end = program.insns.size();
    program.subprograms = {{.name = "called", .insn = static_cast<uint32_t>(end)}};
    for (const size_t at : calls) program.insns[at].imm = static_cast<int32_t>(end - at - 1);
    program.insns.push_back(exit_insn());
    const Bytes object = bpf::write_elf(program);
    const test::TempDir folder;
    const std::string path =
        folder.write("every.o", {reinterpret_cast<const char*>(object.data()), object.size()});
    const std::vector<std::string> lines = objdump_lines(path);
    BOOST_TEST_REQUIRE(lines.size() == all.size() + 1);
    for (size_t i = 0; i < all.size(); ++i) {
        // It knows no names of functions.
        if (all[i].row->family == Family::call)
            BOOST_TEST(lines[i].starts_with("call"));
        else
            BOOST_TEST(compared(printed(all[i])) == compared(lines[i]));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf
