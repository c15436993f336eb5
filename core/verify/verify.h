// The verifier: a Module in, a VerifiedModule or the one breach that decides out. Rules and their
// order are those of the instruction set's section on verification.
#pragma once

#include <algorithm>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/isa/insn.h"
#include "core/module/module.h"
#include "core/tables/prepared_tables.h"

namespace vfm {

/// A basic block of the bytecode: leaders are the entry, jump targets and the instruction after a
/// jump. Fuel is counted by these blocks.
struct CodeBlock {
    uint32_t first = 0;  ///< index of its first instruction
    uint32_t count = 0;  ///< instructions, the fuel it costs
};

/// Why a program is not accepted.
struct Rejection {
    ErrorKind kind = ErrorKind::verification_failed;
    uint32_t offset = 0;
    std::string mnemonic;  ///< of the instruction there; empty if there is none
    std::string reason;    ///< "JGT needs 2 values, has 1"

    /// `name:+0x48: error: STACK_UNDERFLOW: JGT needs 2 values, has 1`
    Diagnostic diagnostic(const std::string& name) const;
};

/// A module whose code is proved to decode, to name only what exists, never to under- or overflow
/// the stack, and to be able to end. Only verify() makes one. Cheap to copy, read-only, shared
/// between threads.
class VerifiedModule {
  public:
    const Module& module() const { return facts_->module; }
    std::span<const Insn> insns() const { return facts_->insns; }
    /// Index of the instruction that begins at `offset` (it must).
    uint32_t index_of(uint32_t offset) const { return facts_->index_of[offset]; }
    std::span<const CodeBlock> blocks() const { return facts_->blocks; }
    /// Block of the instruction with this index.
    uint32_t block_of(uint32_t index) const { return facts_->block_of[index]; }
    /// The greatest depth the stack can reach.
    uint32_t max_depth() const { return facts_->max_depth; }
    /// Instructions on the longest path; nothing if the program has a cycle.
    std::optional<uint64_t> longest_path() const { return facts_->longest_path; }
    bool acyclic() const { return facts_->longest_path.has_value(); }
    /// Instructions a run may take.
    uint64_t fuel() const { return std::min(facts_->module.fuel.value_or(kDefaultFuel), kMaxFuel); }
    /// False where no run can use up its fuel, so that no engine needs to count.
    bool counts_fuel() const { return !acyclic() || *facts_->longest_path > fuel(); }
    /// Tables that FLOW instructions number, the implied one included.
    std::span<const TableDecl> tables() const { return facts_->tables; }
    /// The module's sets and rule tables ready to be asked: made at the first call, for all copies.
    /// Any thread; others wait meanwhile.
    const PreparedTables& prepared() const;

  private:
    struct Facts {
        Module module;
        std::vector<Insn> insns;
        std::vector<uint32_t> index_of;  // by code offset
        std::vector<CodeBlock> blocks;
        std::vector<uint32_t> block_of;  // by instruction index
        std::vector<TableDecl> tables;
        uint32_t max_depth = 0;
        std::optional<uint64_t> longest_path;
        mutable std::once_flag prepare_once;
        mutable PreparedTables prepared;
    };
    explicit VerifiedModule(std::shared_ptr<const Facts> facts) : facts_(std::move(facts)) {}
    friend class Verifier;

    std::shared_ptr<const Facts> facts_;
};

/// The linear sweep of rule 1: appends every instruction of `code` up to the first byte that does
/// not decode, and says what was wrong there. Code of any size, also none.
std::optional<Rejection> decode_program(ByteView code, std::vector<Insn>& insns);

/// Checks a module by the rules in their order. Time and memory are bounded by kMaxStates.
std::expected<VerifiedModule, Rejection> verify(Module module);

/// The same with the rejection as a diagnostic about `name`.
Result<VerifiedModule> verify_named(Module module, const std::string& name);

}  // namespace vfm
