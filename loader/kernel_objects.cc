#include "loader/kernel_objects.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/btf.h>

#include <cerrno>

#include "bpfgen/btf.h"
#include "loader/bpf_call.h"

namespace vfm {
namespace {

// ---- types -------------------------------------------------------------------------------------

/// Records of a part of .BTF.ext: after their size, for each section its name, their number and
/// they. Offsets count bytes of the section in files and instructions of all in the kernel. The
/// first section is the program, the second, from the instruction `called` on, what it calls.
Bytes info_records(ByteView part, size_t called) {
    Bytes records;
    if (part.size() < 4) return records;
    const auto size = load_le<uint32_t>(part.data());
    size_t begin = 0;
    for (size_t at = 4; at + 8 <= part.size(); begin = called) {
        const auto count = load_le<uint32_t>(&part[at + 4]);
        at += 8;
        for (uint32_t i = 0; i < count; ++i, at += size) {
            append_le(records, load_le<uint32_t>(&part[at]) / sizeof(bpf_insn) + begin, 4);
            records.insert(records.end(), &part[at + 4], &part[at] + size);
        }
    }
    return records;
}

/// The header's `offset` and the length behind it tell where in .BTF.ext the part lies.
ByteView part_of(ByteView ext, size_t field) {
    const ByteView body = ext.subspan(load_le<uint32_t>(&ext[4]));
    return body.subspan(load_le<uint32_t>(&ext[field]), load_le<uint32_t>(&ext[field + 4]));
}

Fd load_types(const Bytes& types) {
    bpf_attr attributes{};
    attributes.btf = bpf_pointer(types.data());
    attributes.btf_size = static_cast<uint32_t>(types.size());
    return Fd(bpf_call(BPF_BTF_LOAD, attributes));
}

// ---- maps --------------------------------------------------------------------------------------

Fd make_map(const bpf::Map& map, const bpf::MapTypes& types, const Fd& btf) {
    bpf_attr attributes{};
    attributes.map_type = map.type;
    attributes.key_size = map.key_size;
    attributes.value_size = map.value_size;
    attributes.max_entries = map.max_entries;
    attributes.map_flags = map.flags;
    put_bpf_name(attributes.map_name, map.name);
    if (btf && types.key != 0) {
        attributes.btf_fd = static_cast<uint32_t>(btf.get());
        attributes.btf_key_type_id = types.key;
        attributes.btf_value_type_id = types.value;
    }
    return Fd(bpf_call(BPF_MAP_CREATE, attributes));
}

/// A descriptor of our own of a map that there is; none if it has to be made.
Fd known_map(const KnownMap& known, const std::vector<Fd>& made) {
    const int map = known.same_as ? made[*known.same_as].get() : known.map;
    return map < 0 ? Fd() : Fd(fcntl(map, F_DUPFD_CLOEXEC, 0));
}

/// As libbpf calls it, so that programs of others know it.
std::string constants_name(const bpf::Program& program) {
    constexpr std::string_view kSection = ".rodata";
    return program.name.substr(0, BPF_OBJ_NAME_LEN - 1 - kSection.size()).append(kSection);
}

/// Written once, then read-only for everybody.
Fd make_constants(const bpf::Program& program, ByteView constants) {
    bpf_attr create{};
    create.map_type = BPF_MAP_TYPE_ARRAY;
    create.key_size = 4;
    create.value_size = static_cast<uint32_t>(constants.size());
    create.max_entries = 1;
    create.map_flags = BPF_F_RDONLY_PROG;
    put_bpf_name(create.map_name, constants_name(program));
    Fd map(bpf_call(BPF_MAP_CREATE, create));
    if (!map) return map;
    const uint32_t key = 0;
    bpf_attr fill{};
    fill.map_fd = static_cast<uint32_t>(map.get());
    fill.key = bpf_pointer(&key);
    fill.value = bpf_pointer(constants.data());
    bpf_attr freeze{};
    freeze.map_fd = static_cast<uint32_t>(map.get());
    if (bpf_call(BPF_MAP_UPDATE_ELEM, fill) != 0 || bpf_call(BPF_MAP_FREEZE, freeze) != 0)
        return {};
    return map;
}

void put_descriptors(const bpf::Program& program, KernelObjects& objects) {
    objects.insns = program.insns;
    for (const bpf::MapReference& reference : program.map_references) {
        objects.insns[reference.insn].src_reg = BPF_PSEUDO_MAP_FD;
        objects.insns[reference.insn].imm = objects.maps[reference.map].get();
    }
    for (const uint32_t at : program.data_references) {
        bpf_insn& insn = objects.insns[at];
        objects.insns[at + 1].imm = insn.imm;  // the offset
        insn.src_reg = BPF_PSEUDO_MAP_VALUE;
        insn.imm = objects.constants.get();
    }
}

void put_types(const bpf::Program& program, const bpf::ProgramBtf& btf, KernelObjects& objects) {
    objects.types = load_types(btf.btf);
    if (!objects.types) return;
    objects.functions = info_records(part_of(btf.ext, 8), bpf::program_end(program));
    objects.lines = info_records(part_of(btf.ext, 16), bpf::program_end(program));
}

}  // namespace

std::expected<KernelObjects, ObjectFailure> make_kernel_objects(const bpf::Program& program,
                                                                ByteView constants,
                                                                const KnownMaps& known) {
    KernelObjects objects;
    const bpf::ProgramBtf btf = bpf::make_btf(program);
    put_types(program, btf, objects);
    for (size_t i = 0; i < program.maps.size(); ++i) {
        Fd map = known ? known_map(known(i), objects.maps) : Fd();
        if (!map) map = make_map(program.maps[i], btf.maps[i], objects.types);
        objects.maps.push_back(std::move(map));
        if (!objects.maps.back())
            return std::unexpected(
                ObjectFailure{errno, fmt::format("map {}", program.maps[i].name)});
    }
    if (!constants.empty()) {
        objects.constants = make_constants(program, constants);
        if (!objects.constants) return std::unexpected(ObjectFailure{errno, "constants"});
    }
    put_descriptors(program, objects);
    return objects;
}

void take_program(KernelObjects& objects, const bpf::Program& later) {
    put_types(later, bpf::make_btf(later), objects);
    put_descriptors(later, objects);
}

Fd load_kernel_program(const bpf::Program& program, const KernelObjects& objects,
                       const LoadRequest& request) {
    bpf_attr attributes{};
    const bool xdp = program.hook == bpf::Hook::xdp;
    attributes.prog_type = xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS;
    attributes.expected_attach_type = xdp ? BPF_XDP : bpf_attach_type{};
    attributes.prog_flags = request.fragments ? BPF_F_XDP_HAS_FRAGS : 0;
    attributes.insns = bpf_pointer(objects.insns.data());
    attributes.insn_cnt = static_cast<uint32_t>(objects.insns.size());
    attributes.license = bpf_pointer(bpf::kLicense);
    put_bpf_name(attributes.prog_name, program.name);
    if (request.log_level != 0) {
        attributes.log_level = request.log_level;
        attributes.log_buf = bpf_pointer(request.log.data());
        attributes.log_size = static_cast<uint32_t>(request.log.size());
    }
    if (objects.types) {
        attributes.prog_btf_fd = static_cast<uint32_t>(objects.types.get());
        attributes.func_info_rec_size = sizeof(bpf_func_info);
        attributes.func_info = bpf_pointer(objects.functions.data());
        attributes.func_info_cnt =
            static_cast<uint32_t>(objects.functions.size() / sizeof(bpf_func_info));
        attributes.line_info_rec_size = sizeof(bpf_line_info);
        attributes.line_info = bpf_pointer(objects.lines.data());
        attributes.line_info_cnt =
            static_cast<uint32_t>(objects.lines.size() / sizeof(bpf_line_info));
    }
    // The verifier gives up with EAGAIN where a signal is pending.
    constexpr int kTries = 5;
    for (int tries = 1;; ++tries) {
        Fd loaded(bpf_call(BPF_PROG_LOAD, attributes));
        if (loaded || errno != EAGAIN || tries == kTries) return loaded;
    }
}

}  // namespace vfm
