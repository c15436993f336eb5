// An emitted program into the kernel, as it stands in memory. Attaches and pins nothing: what is
// loaded lives as long as its descriptors.
#pragma once

#include <bpf/libbpf.h>

#include <expected>
#include <string>
#include <vector>

#include "bpfgen/object.h"
#include "core/base/fd.h"
#include "core/front/front.h"
#include "loader/blame.h"
#include "loader/kernel.h"
#include "loader/kernel_objects.h"
#include "loader/loaded_map.h"

namespace vfm {

/// Of several programs that follow each other the first is the one to attach. The others live as
/// long as somebody holds a descriptor or a pin of the map of role programs: without either the
/// kernel empties it, and what leads on ends there, with the on-error verdict.
struct LoadedProgram {
    Fd fd;
    uint32_t id = 0;
    uint32_t instructions = 0;  ///< after the kernel's rewriting; of all programs, as the next two
    uint32_t verified =
        0;  ///< instructions that the verifier walked; 0 where the kernel is too old
    uint32_t machine_bytes = 0;           ///< 0 without a JIT
    std::vector<uint64_t> verified_each;  ///< by program
    std::vector<LoadedMap> maps;
    /// Kernel memory of all maps, constants among them; 0 where the kernel does not tell.
    uint64_t map_bytes = 0;

    /// Nothing if no map has the role (for flow maps: of that table).
    const LoadedMap* find(bpf::MapRole role, uint32_t table = 0) const;
};

/// Why the kernel did not take a program.
struct LoadRefusal {
    int error = 0;                        ///< errno
    std::string reason;                   ///< one line, never empty
    std::optional<uint32_t> code_offset;  ///< of the bytecode, where the verifier stopped
    uint32_t unit = 0;                    ///< whose bytecode
    std::string log;                      ///< the verifier's whole log; may be empty
    Blame blame = Blame::system;
    std::string meaning;  ///< the reason in plain words, and what the registers hold; may be empty
    std::string advice;   ///< may be empty
    std::optional<Capability> missing;  ///< without which the verifier is stricter
};

/// `error` is errno or its negative, `log` what the verifier wrote, `what` the kernel was asked
/// for, if not the program itself.
LoadRefusal refusal_of(int error, std::string log, const bpf::Program& program,
                       const std::string& what = {});

std::expected<LoadedProgram, LoadRefusal> load_program(const bpf::Program& program,
                                                       const KnownMaps& known = {});

/// The refusal at its VFLisp line.
Failure load_failure(const LoadRefusal& refusal, const Filter& filter);

/// Facts of a loaded program that somebody else may have made. False if the kernel does not tell.
bool program_facts(int fd, bpf_prog_info& info);

}  // namespace vfm
