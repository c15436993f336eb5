// VFLisp from a string and from a file.
#include "core/lisp/compile.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/base/io.h"
#include "core/module/module_file.h"
#include "userspace/capi/border.h"
#include "userspace/capi/text.h"

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

constexpr size_t kMaxSource = size_t{16} << 20;  // as the tools read files

/// What a caller asked for.
struct Wanted {
    uint8_t** bytecode;
    uint32_t* bytecode_len;
    char* message;
    size_t message_size;
};

struct CompiledBytes {
    Bytes program;
    std::string remarks;  // warnings
};

/// Files that are relative to one directory, whoever names them.
class BaseFiles final : public lisp::DiskFiles {
  public:
    explicit BaseFiles(const char* base) : base_(base) {}
    Result<lisp::OpenedFile> open(const std::string& path, const std::string& /*from*/,
                                  size_t limit) override {
        return DiskFiles::open((base_ / path).string(), "<base>", limit);
    }

  private:
    std::filesystem::path base_;
};

Result<CompiledBytes> compile_string(const char* source) {
    if (!source) return capi::refuse(ErrorKind::invalid_program, "<expr>", "there is no text");
    const size_t length = strnlen(source, kMaxSource + 1);
    if (length > kMaxSource)
        return capi::refuse(ErrorKind::invalid_program, "<expr>", "more than 16 MiB of text");
    const auto text = std::make_shared<const SourceFile>("<expr>", std::string(source, length));
    return CompiledBytes{program_bytes(TRY(lisp::compile(text)).module), {}};
}

Result<CompiledBytes> compile_file(const char* filename, const char* base) {
    if (!filename || !*filename)
        return capi::refuse(ErrorKind::invalid_program, "file",
                            filename ? "the name is empty" : "there is no name");
    // `-` means standard input to read_text(), which belongs to the program around us.
    const std::string path = std::string_view(filename) == "-" ? "./-" : filename;
    const auto text =
        std::make_shared<const SourceFile>(filename, TRY(read_text(path, kMaxSource)));
    const auto files =
        base ? std::make_unique<BaseFiles>(base) : std::make_unique<lisp::DiskFiles>();
    const lisp::Compiled compiled = TRY(lisp::compile(text, files.get()));
    return CompiledBytes{program_bytes(compiled.module), capi::text_of(compiled.warnings)};
}

/// Gives the caller what `compile` makes, or why that cannot be.
template <class Compile>
int deliver(const Wanted& wanted, Compile&& compile) {
    capi::copy_text("", wanted.message, wanted.message_size);
    if (wanted.bytecode) *wanted.bytecode = nullptr;
    if (wanted.bytecode_len) *wanted.bytecode_len = 0;
    const int code = capi::guarded([&] {
        const bool has_place = wanted.bytecode && wanted.bytecode_len;
        const Result<CompiledBytes> made =
            has_place ? compile()
                      : capi::refuse(ErrorKind::invalid_program,
                                     wanted.bytecode ? "bytecode_len" : "bytecode", "null");
        if (!made) {
            capi::copy_text(capi::text_of(made.error()), wanted.message, wanted.message_size);
            return capi::code_of(made.error());
        }
        const Bytes& program = made->program;
        void* copy = std::malloc(program.size());  // the caller gives it to free()
        if (!copy) return VFM_ERROR_NO_MEMORY;
        std::memcpy(copy, program.data(), program.size());
        *wanted.bytecode = static_cast<uint8_t*>(copy);
        *wanted.bytecode_len = static_cast<uint32_t>(program.size());
        capi::copy_text(made->remarks, wanted.message, wanted.message_size);
        return VFM_SUCCESS;
    });
    if (code == VFM_ERROR_NO_MEMORY)
        capi::copy_text(vfm_error_string(code), wanted.message, wanted.message_size);
    return code;
}

}  // namespace

int vfl_compile_string(const char* source, uint8_t** bytecode, uint32_t* bytecode_len,
                       char* error_msg, size_t error_msg_size) {
    return deliver({bytecode, bytecode_len, error_msg, error_msg_size},
                   [&] { return compile_string(source); });
}

int vfl_compile_file(const char* filename, const char* base, uint8_t** bytecode,
                     uint32_t* bytecode_len, char* message, size_t message_size) {
    return deliver({bytecode, bytecode_len, message, message_size},
                   [&] { return compile_file(filename, base); });
}
