#include "userspace/jit/listing.h"

#include <capstone/capstone.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/ir/form/print.h"
#include "core/isa/insn.h"
#include "userspace/jit/burst/burst_code.h"

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

/// Machine code and what is known of it.
struct Listed {
    ByteView code;  ///< with the constants behind the instructions
    size_t instruction_bytes = 0;
    std::span<const NativeLine> lines = {};
    std::span<const NativeNote> notes = {};
};

/// An instruction as text.
struct Instruction {
    size_t size = 0;
    std::string mnemonic, operands;
};

class Listing {
  public:
    explicit Listing(const NativeProgram& program) : places_(program.verified()) {}

    Result<> add(const Listed& listed);
    void add(std::string_view text) { out_ += text; }
    std::string take() && { return std::move(out_); }

  private:
    void comments(const Listed& listed, size_t at);
    Instruction decode(const Listed& listed, size_t at);
    void line(const Listed& listed, size_t at, const Instruction& instruction);
    static std::string_view name_of(const Listed& listed, std::string_view target);

    Decoder decoder_;
    Places places_;
    std::string out_;
    size_t line_ = 0, note_ = 0;  // that come next
    size_t written_note_ = 0;     // the next one that names an instruction
    // Of the next instruction:
    std::string remarks_;
    std::string_view symbol_;   // that it loads, or empty
    std::string_view written_;  // what it was called when it was written
};

Result<> Listing::add(const Listed& listed) {
    line_ = note_ = written_note_ = 0;
    for (size_t at = 0; at < listed.instruction_bytes;) {
        comments(listed, at);
        const Instruction instruction = decode(listed, at);
        if (instruction.size == 0)
            return fail(
                Diagnostic::about("native code", fmt::format("no instruction at {:#x}", at)),
                Status::bug);
        line(listed, at, instruction);
        at += instruction.size;
    }
    const size_t constants = listed.code.size() - listed.instruction_bytes;
    if (constants > 0) out_ += fmt::format("; {} bytes of constants\n", constants);
    return {};
}

// Everything that is said of the instruction at `at`.
void Listing::comments(const Listed& listed, size_t at) {
    remarks_.clear();
    symbol_ = written_ = {};
    for (; note_ < listed.notes.size() && listed.notes[note_].code_offset <= at; ++note_) {
        const NativeNote& note = listed.notes[note_];
        switch (note.kind) {
            case NativeNote::Kind::heading:
                out_ += fmt::format("; {}\n", note.text);
                break;
            case NativeNote::Kind::remark:
                if (!remarks_.empty()) remarks_ += "; ";
                remarks_ += note.text;
                break;
            case NativeNote::Kind::symbol:
                symbol_ = note.text;
                break;
            case NativeNote::Kind::instruction:
                written_ = note.text;
                break;
        }
    }
    for (; line_ < listed.lines.size() && listed.lines[line_].code_offset <= at; ++line_)
        if (line_ + 1 == listed.lines.size() || listed.lines[line_ + 1].code_offset > at)
            out_ += places_.comment(listed.lines[line_].bytecode_offset);
}

// Capstone 4 knows only some of AVX-512 and takes others for what they are not: those instructions
// are called what they were called when they were written. They refer to no label but constants'.
Instruction Listing::decode(const Listed& listed, size_t at) {
    constexpr uint8_t kEvex = 0x62;
    written_note_ = std::max(written_note_, note_);
    while (written_note_ < listed.notes.size() &&
           listed.notes[written_note_].kind != NativeNote::Kind::instruction)
        ++written_note_;
    const size_t end = written_note_ == listed.notes.size()
                           ? listed.instruction_bytes
                           : listed.notes[written_note_].code_offset;
    const ByteView bytes = listed.code.subspan(at, end - at);
    const cs_insn* insn = decoder_.next(bytes, at);
    if (insn && (bytes[0] != kEvex || written_.empty()))
        return {insn->size, static_cast<const char*>(insn->mnemonic),
                static_cast<const char*>(insn->op_str)};
    if (written_.empty()) return {};
    const size_t space = std::min(written_.find(' '), written_.size());
    std::string operands(written_.substr(std::min(space + 1, written_.size())));
    if (const size_t label = operands.find("[L"); label != std::string::npos)
        operands.replace(label + 1, operands.find_first_of("+]", label) - label - 1, "constants");
    return {bytes.size(), std::string(written_.substr(0, space)), std::move(operands)};
}

void Listing::line(const Listed& listed, size_t at, const Instruction& instruction) {
    constexpr size_t kBytesShown = 11;
    constexpr size_t kBytesBeforeAddress = 2;  // of mov with 64 bits
    constexpr size_t kRemarkColumn = 72;
    const size_t shown = symbol_.empty() ? kBytesShown : kBytesBeforeAddress;
    std::string bytes;
    for (size_t i = 0; i < std::min(instruction.size, shown); ++i)
        bytes += fmt::format("{:02x}", listed.code[at + i]);
    if (instruction.size > shown) bytes += "..";
    std::string operands = instruction.operands;
    if (!symbol_.empty())
        operands = fmt::format("{}, {}", operands.substr(0, operands.find(',')), symbol_);
    if (instruction.mnemonic.starts_with('j'))
        if (const auto name = name_of(listed, operands); !name.empty())
            remarks_ += fmt::format("{}-> {}", remarks_.empty() ? "" : "; ", name);
    std::string text = fmt::format("{:6x}: {:<24} {}{}{}", at, bytes, instruction.mnemonic,
                                   operands.empty() ? "" : " ", operands);
    if (!remarks_.empty()) text = fmt::format("{:<{}} ; {}", text, kRemarkColumn, remarks_);
    out_ += text + "\n";
}

/// What begins where a jump leads.
std::string_view Listing::name_of(const Listed& listed, std::string_view target) {
    size_t at = 0;
    const bool hex = target.starts_with("0x");
    if (hex) target.remove_prefix(2);
    const auto [end, error] =
        std::from_chars(target.data(), target.data() + target.size(), at, hex ? 16 : 10);
    if (error != std::errc() || end != target.data() + target.size()) return {};
    auto note = std::ranges::lower_bound(listed.notes, at, {}, &NativeNote::code_offset);
    const auto stands_here = [&] { return note != listed.notes.end() && note->code_offset == at; };
    while (stands_here() && note->kind != NativeNote::Kind::heading) ++note;
    if (!stands_here()) return {};
    const std::string_view text = note->text;
    return text.substr(0, text.find(','));
}

/// What bursts of packets run, in one comment line.
std::string bursts(const BurstCode& code) {
    if (const VectorCode* vector = code.vector())
        return fmt::format(
            "; bursts: {}, {} packets at once in {} step{}, if all have {} bytes or more\n",
            code.variant() == BurstVariant::avx512 ? "AVX-512" : "AVX2", vector->lanes(),
            vector->steps(), vector->steps() == 1 ? "" : "s", vector->least_length());
    return fmt::format("; bursts: one by one, packets{} asked for ahead ({})\n",
                       code.has_keys() ? " and entries of large tables" : "", code.reason());
}

}  // namespace

Result<std::string> listing(const NativeProgram& program) {
    Listing listing(program);
    TRY(listing.add({.code = program.code(),
                     .instruction_bytes = program.instruction_bytes(),
                     .lines = program.lines(),
                     .notes = program.notes()}));
    if (!program.bursts()) return std::move(listing).take();
    listing.add(bursts(*program.bursts()));
    if (const VectorCode* vector = program.bursts()->vector())
        TRY(listing.add({.code = vector->code(),
                         .instruction_bytes = vector->instruction_bytes(),
                         .notes = vector->notes()}));
    return std::move(listing).take();
}

}  // namespace vfm::jit
