#include "loader/load.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>

#include "bpfgen/later_programs.h"
#include "loader/kernel.h"
#include "loader/kernel_objects.h"
#include "loader/set_contents.h"
#include "loader/verifier_log.h"

namespace vfm {
namespace {

// The verifier's own maximum before Linux 5.2. Left uninitialised: untouched pages cost nothing.
constexpr size_t kLogSize = size_t{16} << 20;
// BPF_COMPLEXITY_LIMIT_INSNS of the kernel: of a program as well as of what its verifier follows.
constexpr size_t kMostInstructions = 1'000'000;
// BPF_LOG_STATS of the kernel: complaints and sums, no instructions.
constexpr uint32_t kLogComplaintOnly = 4;

/// The instruction's place in the bytecode, or null.
const bpf::LineInfo* line_of(const bpf::Program& program, std::optional<uint32_t> insn) {
    if (!insn) return nullptr;
    auto after = std::ranges::upper_bound(program.lines, *insn, {}, &bpf::LineInfo::insn);
    if (after == program.lines.begin()) return nullptr;
    return &*std::prev(after);
}

}  // namespace

LoadRefusal refusal_of(int error, std::string log, const bpf::Program& program,
                       const std::string& what) {
    const VerifierComplaint complaint = read_verifier_log(log);
    const bool has_perfmon = has_capability(Capability::perfmon);
    LoadRefusal refusal{.error = std::abs(error),
                        .reason = complaint.reason,
                        .code_offset = {},
                        .unit = 0,
                        .log = std::move(log),
                        .blame = blame_for_load(std::abs(error), complaint, has_perfmon),
                        .meaning = complaint.meaning,
                        .advice = complaint.advice,
                        .missing = {}};
    if (const bpf::LineInfo* line = line_of(program, complaint.insn)) {
        refusal.code_offset = line->code_offset;
        refusal.unit = line->unit;
    }
    if (complaint.lacks_privilege || (!has_perfmon && !complaint.reason.empty()))
        refusal.missing = Capability::perfmon;
    if (!complaint.values.empty() && !refusal.meaning.empty())
        refusal.meaning += fmt::format("; {}", complaint.values);
    // A log that had no room (before Linux 6.4) keeps its beginning and tells nothing of the end.
    if (refusal.error == ENOSPC && complaint.reason.empty()) {
        refusal.reason = "too large or too complex: the verifier's log has no end";
        refusal.code_offset.reset();
    }
    // More than the kernel copies, so that its verifier never sees it.
    if (refusal.error == E2BIG && program.insns.size() > kMostInstructions)
        refusal.reason = fmt::format("it has {} instructions, the kernel takes {}",
                                     program.insns.size(), kMostInstructions);
    if (refusal.reason.empty()) {
        refusal.reason = error_text(error);
        if (!what.empty()) refusal.reason += fmt::format(" ({})", printable(what));
    }
    return refusal;
}

namespace {

/// Bytes of kernel memory that a map holds, as the kernel accounts for them; 0 where it does not
/// tell.
uint64_t memory_of_map(int fd) {
    std::ifstream facts(fmt::format("/proc/self/fdinfo/{}", fd));
    uint64_t bytes = 0;
    for (std::string word; facts >> word;)
        if (word == "memlock:" && facts >> bytes) return bytes;
    return 0;
}

/// Loads without a log, which is asked for when the kernel refuses. One without room for all steps
/// is asked for again without them: the complaint alone is short. Its place is lost, and before
/// Linux 6.4 so it was in the longer one, which kept its beginning.
std::expected<Fd, LoadRefusal> load_once(const bpf::Program& program,
                                         const KernelObjects& objects) {
    const bool fragments = program.hook == bpf::Hook::xdp && program.frames == bpf::Frames::any;
    if (Fd loaded = load_kernel_program(program, objects, {.fragments = fragments})) return loaded;
    const std::unique_ptr<char[]> log(new char[kLogSize]);
    for (const uint32_t level : {1U, kLogComplaintOnly}) {
        log[0] = log[1] = 0;
        const LoadRequest request = {
            .fragments = fragments, .log_level = level, .log = {log.get(), kLogSize}};
        if (Fd loaded = load_kernel_program(program, objects, request)) return loaded;
        if (errno != ENOSPC) break;
    }
    const int error = errno;
    const std::string_view text = text_of_log({log.get(), kLogSize});
    return std::unexpected(refusal_of(error, std::string(text), program));
}

void add_facts(LoadedProgram& loaded, const Fd& fd) {
    bpf_prog_info info{};
    (void)program_facts(fd.get(), info);
    if (loaded.verified_each.empty()) loaded.id = info.id;
    loaded.instructions += info.xlated_prog_len / static_cast<uint32_t>(sizeof(bpf_insn));
    loaded.verified += info.verified_insns;
    loaded.verified_each.push_back(info.verified_insns);
    loaded.machine_bytes += info.jited_prog_len;
}

/// Every program, the first into `loaded`, the later ones into the array that leads to them. That
/// takes programs of one kind, which the first that is loaded decides.
std::expected<void, LoadRefusal> load_all(std::span<const bpf::Program> programs,
                                          KernelObjects& objects, LoadedProgram& loaded) {
    for (size_t number = 0; number < programs.size(); ++number) {
        const bpf::Program& one = programs[number];
        if (number > 0) take_program(objects, one);
        auto fd = load_once(one, objects);
        if (!fd) return std::unexpected(std::move(fd).error());
        add_facts(loaded, *fd);
        if (number == 0) {
            loaded.fd = *std::move(fd);
            continue;
        }
        const auto array = std::ranges::find(one.maps, bpf::MapRole::programs, &bpf::Map::role);
        const Fd& map = objects.maps[static_cast<size_t>(array - one.maps.begin())];
        const auto entry = static_cast<uint32_t>(number - 1);
        const int later = fd->get();
        if (bpf_map_update_elem(map.get(), &entry, &later, BPF_ANY) != 0)
            return std::unexpected(
                refusal_of(errno, {}, one, fmt::format("entry {} of {}", entry, array->name)));
    }
    return {};
}

}  // namespace

const LoadedMap* LoadedProgram::find(bpf::MapRole role, uint32_t table) const {
    for (const LoadedMap& map : maps) {
        if (map.declaration.role != role) continue;
        if (role != bpf::MapRole::flow || map.declaration.table == table) return &map;
    }
    return nullptr;
}

bool program_facts(int fd, bpf_prog_info& info) {
    uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0;
}

std::expected<LoadedProgram, LoadRefusal> load_program(const bpf::Program& program,
                                                       const KnownMaps& known) {
    std::vector<bpf::Program> made;
    const std::span<const bpf::Program> programs = bpf::programs_apart(program, made);
    std::vector<bool> are_known(program.maps.size());
    auto objects = make_kernel_objects(programs.front(), program.data, [&](size_t map) {
        const KnownMap found = known ? known(map) : KnownMap{};
        are_known[map] = found.map >= 0 || found.same_as;
        return found;
    });
    if (!objects)
        return std::unexpected(
            refusal_of(objects.error().error, {}, program, objects.error().what));
    LoadedProgram loaded;
    if (auto all = load_all(programs, *objects, loaded); !all)
        return std::unexpected(std::move(all).error());
    for (size_t i = 0; i < program.maps.size(); ++i)
        loaded.maps.push_back({program.maps[i], std::move(objects->maps[i]), are_known[i]});
    if (const int error = begin_sets(loaded.maps); error != 0)
        return std::unexpected(refusal_of(error, {}, program));
    // A live set takes memory with each member.
    for (const LoadedMap& map : loaded.maps) loaded.map_bytes += memory_of_map(map.fd.get());
    if (objects->constants) loaded.map_bytes += memory_of_map(objects->constants.get());
    return loaded;
}

Failure load_failure(const LoadRefusal& refusal, const Filter& filter) {
    const std::string without =
        refusal.missing ? fmt::format(" without {}", capability_name(*refusal.missing)) : "";
    std::string message = fmt::format("the kernel refuses it{}: {}", without, refusal.reason);
    if (!refusal.meaning.empty()) message += fmt::format(": {}", refusal.meaning);
    Diagnostic diagnostic = refusal.code_offset ? locate(filter, *refusal.code_offset, message)
                                                : Diagnostic::about(filter.name, message);
    if (refusal.missing)
        diagnostic.hint = fmt::format(
            "run it as root, or with {} too: without it the verifier forbids most filters to read "
            "packets",
            capability_name(*refusal.missing));
    else if (refusal.error == EPERM)
        diagnostic.hint =
            "loading a filter wants CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; where `vfm-xdp doctor` "
            "finds all of them, a security module, a seccomp filter or lockdown forbids it";
    else
        diagnostic.hint = refusal.advice;
    return {Status::refused, std::move(diagnostic)};
}

}  // namespace vfm
