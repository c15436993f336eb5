// VFLisp from a string.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/lisp/compile.h"
#include "core/module/module_file.h"
#include "userspace/capi/border.h"
#include "userspace/capi/text.h"

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

constexpr size_t kMaxSource = size_t{16} << 20;  // as the tools read files

Result<Bytes> compile(const char* source) {
    if (!source) return capi::refuse(ErrorKind::invalid_program, "<expr>", "there is no text");
    const size_t length = strnlen(source, kMaxSource + 1);
    if (length > kMaxSource)
        return capi::refuse(ErrorKind::invalid_program, "<expr>", "more than 16 MiB of text");
    const auto file = std::make_shared<const SourceFile>("<expr>", std::string(source, length));
    return program_bytes(TRY(lisp::compile(file)).module);
}

}  // namespace

int vfl_compile_string(const char* source, uint8_t** bytecode, uint32_t* bytecode_len,
                       char* error_msg, size_t error_msg_size) {
    capi::copy_text("", error_msg, error_msg_size);
    if (bytecode) *bytecode = nullptr;
    if (bytecode_len) *bytecode_len = 0;
    const int code = capi::guarded([&] {
        const bool has_place = bytecode && bytecode_len;
        const Result<Bytes> bytes =
            has_place ? compile(source)
                      : capi::refuse(ErrorKind::invalid_program,
                                     bytecode ? "bytecode_len" : "bytecode", "null");
        if (!bytes) {
            capi::copy_text(capi::text_of(bytes.error()), error_msg, error_msg_size);
            return capi::code_of(bytes.error());
        }
        void* copy = std::malloc(bytes->size());  // the caller gives it to free()
        if (!copy) return VFM_ERROR_NO_MEMORY;
        std::memcpy(copy, bytes->data(), bytes->size());
        *bytecode = static_cast<uint8_t*>(copy);
        *bytecode_len = static_cast<uint32_t>(bytes->size());
        return VFM_SUCCESS;
    });
    if (code == VFM_ERROR_NO_MEMORY)
        capi::copy_text(vfm_error_string(code), error_msg, error_msg_size);
    return code;
}
