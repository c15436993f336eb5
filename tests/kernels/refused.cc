// Programs that no kernel takes, given to the running one: each has to be refused, and what its
// verifier writes has to be explained as the golden logs in tests/unit/loader/refusals are.
//
//     test_refused                 says which are not
//     test_refused --logs          prints the logs, each behind a line `== NAME`
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/ebpf/constructors.h"
#include "loader/kernel.h"
#include "loader/verifier_log.h"

namespace vfm {
namespace {

using namespace ebpf;

using Code = std::vector<bpf_insn>;

struct Refused {
    const char* name;
    const char* meaning;  ///< a part of it
    Code code;
};

// The map that lookups are made in stands here.
constexpr int32_t kMap = -1;

// r0 = the value of key 0 in a hash map with values of 8 bytes, or nothing.
Code lookup() {
    const Wide map = load_imm64(1, 0);
    Code code = {store_imm(4, kFrame, -4, 0),
                 mov(2, kFrame),
                 alu_imm(BPF_ADD, 2, -4),
                 map.first,
                 map.second,
                 call(BPF_FUNC_map_lookup_elem)};
    code[3].src_reg = BPF_PSEUDO_MAP_FD;
    code[3].imm = kMap;
    return code;
}

bpf_insn skip_if(unsigned op, Reg a, int32_t imm, int16_t distance) {
    bpf_insn insn = jump_if_imm(op, a, imm);
    insn.off = distance;
    return insn;
}

bpf_insn skip_if_reg(unsigned op, Reg a, Reg b, int16_t distance) {
    bpf_insn insn = jump_if(op, a, b);
    insn.off = distance;
    return insn;
}

// The value that lookup() has found, then the rest.
Code found(Code begin, const Code& rest) {
    const Code looked = lookup();
    begin.insert(begin.end(), looked.begin(), looked.end());
    for (const bpf_insn& insn : {skip_if(BPF_JNE, 0, 0, 2), mov_imm(0, 0), exit_insn()})
        begin.push_back(insn);
    begin.insert(begin.end(), rest.begin(), rest.end());
    begin.push_back(exit_insn());
    return begin;
}

Code missing_value() {
    Code code = lookup();
    code.push_back(load(8, 0, 0, 0));
    code.push_back(exit_insn());
    return code;
}

Code key_beyond_the_frame() {
    Code code = lookup();
    code[2].imm = -520;
    code.push_back(mov_imm(0, 0));
    code.push_back(exit_insn());
    return code;
}

Code deep_frames() {
    const bpf_insn store = store_imm(8, kFrame, -264, 0), none = mov_imm(0, 0);
    return {store, call_local(2), none, exit_insn(), store, none, exit_insn()};
}

Code many_branches() {
    constexpr int kBranches = 9000;
    Code code = {load(4, 2, 1, 12)};
    for (int i = 1; i <= kBranches; ++i)
        code.push_back(skip_if(BPF_JEQ, 2, i, static_cast<int16_t>(kBranches - i)));
    code.push_back(mov_imm(0, 0));
    code.push_back(exit_insn());
    return code;
}

// Each of these has the name of its log.
std::vector<Refused> programs() {
    const bpf_insn data = load(4, 2, 1, 0), end = load(4, 3, 1, 4), queue = load(4, 4, 1, 12);
    const bpf_insn exit = exit_insn();
    return {
        {"branches-pending", "more than 8192 branches", many_branches()},
        {"context-read-beyond", "what the context does not have", {load(4, 0, 1, 400), exit}},
        {"context-written",
         "what the context does not have",
         {store_imm(4, 1, 0, 1), mov_imm(0, 0), exit}},
        {"counting-loop-too-long",
         "gives up after 1000000",
         {mov_imm(0, 0), alu_imm(BPF_ADD, 0, 1), skip_if(BPF_JLT, 0, 0x7fffffff, -2), exit}},
        {"endless-loop",
         "where nothing has changed",
         {queue, mov_imm(0, 0), skip_if(BPF_JEQ, 4, 5, 1), jump(-2), exit}},
        {"falls-off", "does not end with an exit", {mov_imm(0, 0)}},
        {"frame-register-written",
         "the address of the frame",
         {mov_imm(10, 1), mov_imm(0, 0), exit}},
        {"frame-argument-beyond", "of the frame that are not there", key_beyond_the_frame()},
        {"frame-read-beyond", "of the frame that are not there", {load(8, 0, kFrame, -520), exit}},
        {"frames-beyond", "more than 512 bytes of frame", deep_frames()},
        {"helper-of-another-hook", "this kind of program", {call(BPF_FUNC_skb_load_bytes), exit}},
        {"helper-unknown", "no such function", {call(100000), exit}},
        {"jump-out", "leads out of the program", {mov_imm(0, 0), jump(100), exit}},
        {"number-as-address", "what is no address", {mov_imm(2, 7), load(8, 0, 2, 0), exit}},
        {"opcode-unknown", "does not know the instruction", {make_insn(0xff, 0, 0, 0, 0), exit}},
        {"packet-offset-unbounded",
         "no test of the length",
         {data, end, queue, alu_imm(BPF_MUL, 4, 65536), alu(BPF_ADD, 2, 4), mov(5, 2),
          alu_imm(BPF_ADD, 5, 4), skip_if_reg(BPF_JGT, 5, 3, 1), load(4, 0, 2, 0), mov_imm(0, 0),
          exit}},
        {"packet-tested-short",
         "no test of the length",
         {data, end, mov(4, 2), alu_imm(BPF_ADD, 4, 14), skip_if_reg(BPF_JGT, 4, 3, 1),
          load(1, 0, 2, 14), mov_imm(0, 0), exit}},
        {"packet-untested", "no test of the length", {data, load(1, 0, 2, 23), exit}},
        {"pointers-multiplied", "cannot be computed", {mov(0, 1), alu(BPF_MUL, 0, 0), exit}},
        {"register-unset", "nothing was put into", {mov(0, 2), exit}},
        {"result-unset", "nothing was put into", {exit}},
        {"stack-beyond",
         "outside the 512 bytes",
         {store_imm(8, kFrame, -520, 0), mov_imm(0, 0), exit}},
        {"unreachable", "no path leads", {mov_imm(0, 0), exit, mov_imm(0, 1), exit}},
        {"value-at-unknown-offset", "that nothing bounds",
         found({mov(6, 1)}, {load(4, 3, 6, 12), alu(BPF_ADD, 0, 3), load(1, 0, 0, 0)})},
        {"value-beyond-its-end", "behind the end of a map's value", found({}, {load(8, 0, 0, 8)})},
        {"value-may-be-missing", "that may be missing", missing_value()},
        {"wrong-argument",
         "another kind of argument",
         {mov(2, kFrame), call(BPF_FUNC_map_lookup_elem), exit}},
    };
}

// What the loader asks: all steps, and without them where they had no room.
std::string log_of(const Code& code, int& error) {
    constexpr size_t kSize = size_t{16} << 20;
    const std::unique_ptr<char[]> memory(new char[kSize]);
    for (const uint32_t level : {1U, 4U}) {
        memory[0] = memory[1] = 0;
        LIBBPF_OPTS(bpf_prog_load_opts, options);
        options.log_buf = memory.get();
        options.log_size = kSize;
        options.log_level = level;
        const Fd loaded(
            bpf_prog_load(BPF_PROG_TYPE_XDP, "refused", "GPL", code.data(), code.size(), &options));
        error = loaded ? 0 : errno;
        if (error != ENOSPC) break;
    }
    return std::string(text_of_log({memory.get(), kSize}));
}

int run(bool logs) {
    silence_libbpf();
    const Fd map(bpf_map_create(BPF_MAP_TYPE_HASH, "values", 4, 8, 1, nullptr));
    if (!map) {
        fmt::print("skipped: the kernel makes no map here: {}\n", std::strerror(errno));
        return 77;
    }
    unsigned wrong = 0;
    const std::vector<Refused> all = programs();
    for (const Refused& one : all) {
        Code code = one.code;
        for (bpf_insn& insn : code)
            if (is_wide(insn) && insn.imm == kMap) insn.imm = map.get();
        int error = 0;
        const std::string log = log_of(code, error);
        if (logs) fmt::print("== {}\n{}", one.name, log);
        const VerifierComplaint complaint = read_verifier_log(log);
        if (error != 0 && complaint.meaning.find(one.meaning) != std::string::npos) continue;
        ++wrong;
        fmt::print("{}: {}: '{}': '{}'\n", one.name, error == 0 ? "loaded" : std::strerror(error),
                   complaint.reason, complaint.meaning);
    }
    if (!logs) fmt::print("{} programs, {} not refused or not explained\n", all.size(), wrong);
    return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vfm

int main(int argc, char** argv) {
    return vfm::run(argc == 2 && std::string_view(argv[1]) == "--logs");
}
