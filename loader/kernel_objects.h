// What an emitted program needs in the kernel before it is loaded: types, maps, constants. Made as
// it stands in memory, without an object file between.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpfgen/object.h"
#include "core/base/bytes.h"
#include "core/base/fd.h"

namespace vfm {

struct KernelObjects {
    std::vector<Fd> maps;  ///< as bpf::Program::maps
    Fd constants;          ///< an array that nobody writes; none without any

    // These are of one program at a time.
    Fd types;                     ///< BTF; none where the kernel does not take it
    std::vector<bpf_insn> insns;  ///< with the descriptors of the maps
    Bytes functions;              ///< bpf_func_info; empty without types
    Bytes lines;                  ///< bpf_line_info; empty without types
};

/// A map that is not made: one that there is, or what another of the program, before it, is.
struct KnownMap {
    int map = -1;  ///< a descriptor that stays the caller's
    std::optional<size_t> same_as = {};
};
/// Which of a program's maps are there, by index; called in their order. Empty: none.
using KnownMaps = std::function<KnownMap(size_t map)>;

struct ObjectFailure {
    int error = 0;     ///< errno
    std::string what;  ///< "map NAME"
};

/// What a program needs that has no later ones, or what is by itself the first of several, which
/// read these constants.
std::expected<KernelObjects, ObjectFailure> make_kernel_objects(const bpf::Program& program,
                                                                ByteView constants,
                                                                const KnownMaps& known = {});

/// The same maps and constants, the rest for a later program by itself.
void take_program(KernelObjects& objects, const bpf::Program& later);

/// How a program is asked for.
struct LoadRequest {
    bool fragments = false;  ///< BPF_F_XDP_HAS_FRAGS
    uint32_t log_level = 0;  ///< 0: no log
    std::span<char> log = {};
};

/// The program, or none with errno.
Fd load_kernel_program(const bpf::Program& program, const KernelObjects& objects,
                       const LoadRequest& request);

}  // namespace vfm
