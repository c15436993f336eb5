#include "userspace/jit/listing.h"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/asm/disassembler.h"
#include "core/ir/print.h"

namespace vfm::jit {
namespace {

/// Capstone's handle.
class Decoder {
  public:
    Decoder() : open_(cs_open(CS_ARCH_X86, CS_MODE_64, &handle_) == CS_ERR_OK) {
        if (open_) insn_ = cs_malloc(handle_);
    }
    ~Decoder() {
        if (insn_) cs_free(insn_, 1);
        if (open_) cs_close(&handle_);
    }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    /// The instruction at the start of `code`, or null.
    const cs_insn* next(ByteView code, uint64_t address) {
        const uint8_t* bytes = code.data();
        size_t size = code.size();
        if (!insn_ || !cs_disasm_iter(handle_, &bytes, &size, &address, insn_)) return nullptr;
        return insn_;
    }

  private:
    csh handle_ = 0;
    bool open_ = false;
    cs_insn* insn_ = nullptr;
};

/// Comments that say where the code below them comes from: lines of the source, or instructions of
/// the bytecode if there is none.
class Places {
  public:
    explicit Places(const VerifiedModule& program) : program_(program), source_(program.module()) {}

    /// The comment before code that came from the bytecode at `offset`; empty if it is the one
    /// that was given last.
    std::string comment(uint32_t offset) {
        if (source_.any()) return source_.comment(offset);
        if (offset == std::exchange(last_, offset)) return {};
        const Insn& insn = program_.insns()[program_.index_of(offset)];
        return fmt::format("; +{:#x} {}\n", offset, instruction_text(insn));
    }

  private:
    const VerifiedModule& program_;
    ir::SourceComments source_;
    uint32_t last_ = UINT32_MAX;
};

}  // namespace

Result<std::string> listing(const NativeProgram& program) {
    constexpr size_t kBytesShown = 11;
    const ByteView code = program.code().first(program.instruction_bytes());
    Decoder decoder;
    Places places(program.program());
    std::string out;
    size_t line = 0;
    for (size_t at = 0; at < code.size();) {
        for (; line < program.lines().size() && program.lines()[line].code_offset <= at; ++line)
            if (line + 1 == program.lines().size() || program.lines()[line + 1].code_offset > at)
                out += places.comment(program.lines()[line].bytecode_offset);
        const cs_insn* insn = decoder.next(code.subspan(at), at);
        if (!insn)
            return fail(
                Diagnostic::about("native code", fmt::format("no instruction at {:#x}", at)),
                Status::bug);
        std::string bytes;
        for (size_t i = 0; i < std::min<size_t>(insn->size, kBytesShown); ++i)
            fmt::format_to(std::back_inserter(bytes), "{:02x}", code[at + i]);
        if (insn->size > kBytesShown) bytes += "..";
        fmt::format_to(std::back_inserter(out), "{:6x}: {:<24} {}{}{}\n", at, bytes, insn->mnemonic,
                       *insn->op_str ? " " : "", insn->op_str);
        at += insn->size;
    }
    const size_t constants = program.code().size() - code.size();
    if (constants > 0) out += fmt::format("; {} bytes of constants\n", constants);
    return out;
}

}  // namespace vfm::jit
