// What a listing says of machine code: recorded while it is made, and only when a listing is
// wanted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ir/form/ir.h"
#include "core/module/module.h"

namespace vfm::jit {

/// From this byte of the machine code on, up to the next entry, it came from the instruction of the
/// bytecode at `bytecode_offset`.
struct NativeLine {
    uint32_t code_offset = 0;
    uint32_t bytecode_offset = 0;
    bool operator==(const NativeLine&) const = default;
};

/// Something to say of the instruction at `code_offset`.
struct NativeNote {
    enum class Kind : uint8_t {
        heading,      ///< what begins there; up to a comma, a name for jumps to it
        remark,       ///< what it does
        symbol,       ///< the name of the address that it loads, which changes from run to run
        instruction,  ///< the instruction itself
    };
    uint32_t code_offset = 0;
    Kind kind = Kind::remark;
    std::string text;
};

/// The notes of one function for single packets, in words of its module.
class CodeNotes {
  public:
    /// Both outlive the object.
    CodeNotes(const Module& module, const ir::Function& function);

    void add(size_t code_offset, NativeNote::Kind kind, std::string text);
    /// Ascending by offset, if they were added so.
    std::vector<NativeNote> take() && { return std::move(notes_); }
    std::vector<NativeNote>& list() { return notes_; }

    /// "b4", or "b4, shorter packets" if the function has versions for long and short ones.
    std::string block(ir::BlockId id) const;
    /// What the block's test of the packet's length means.
    std::string length_test(ir::BlockId id) const;
    /// "flow_add, table 0 (src-ip)".
    std::string access(const ir::Value& value) const;
    /// "set office", "rules web", "counters web"; numbers where the names are not known.
    std::string set(uint64_t number) const;
    std::string rules(uint64_t number) const;
    std::string counters(uint64_t number) const;
    /// "host function score".
    std::string host_function(uint64_t number) const;

  private:
    enum Way : uint8_t { long_way = 1, short_way = 2 };

    void find_versions();
    void mark(ir::BlockId from, Way way);
    /// True if packets that go this way are tested for lengths up to `length`.
    bool tests_length(Way way, uint64_t length) const;

    const Module& module_;
    const ir::Function& function_;
    std::vector<TableDecl> tables_;
    std::vector<uint8_t> ways_;  // by block: ways that lead there; empty without versions
    std::vector<NativeNote> notes_;
};

}  // namespace vfm::jit
