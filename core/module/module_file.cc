#include "core/module/module_file.h"

#include <fmt/core.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/module/declarations.h"
#include "core/module/module_message.h"
#include "core/module/module_wire.h"

namespace vfm {
namespace {

std::unexpected<Failure> rejected(const std::string& name, ErrorKind kind, std::string why) {
    Diagnostic diagnostic = Diagnostic::at_offset(name, 0, std::move(why));
    diagnostic.kind = error_name(kind);
    return fail(std::move(diagnostic));
}

Result<Module> parse_module(ByteView bytes, const std::string& name) {
    const auto broken = [&](uint64_t offset, const std::string& why) {
        return fail(Diagnostic::at_offset(name, offset, "broken module: " + why));
    };
    if (bytes.size() > kMaxModuleFile)
        return broken(0, fmt::format("more than {} bytes", kMaxModuleFile));
    if (const auto fault = check_wire(bytes, kModuleSchema))
        return broken(fault->offset, fault->reason);
    Module module;
    {
        file::Module message;
        if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
            return broken(0, "not a message of the schema");
        if (const auto why = from_message(message, module)) return broken(0, *why);
    }
    if (auto fault = find_declaration_fault(module))
        return rejected(name, ErrorKind::verification_failed, std::move(fault->reason));
    return module;
}

}  // namespace

bool is_module_file(ByteView bytes) {
    static constexpr uint8_t begin[] = {0x0a, 0x04, 'V', 'F', 'M', 0x01};
    return bytes.size() >= sizeof begin &&
           std::equal(std::begin(begin), std::end(begin), bytes.begin());
}

Result<Module> parse_program(ByteView bytes, const std::string& name) {
    Module module;
    if (is_module_file(bytes))
        module = TRY(parse_module(bytes, name));
    else if (bytes.size() <= kMaxCode)
        module.code.assign(bytes.begin(), bytes.end());
    const size_t size = is_module_file(bytes) ? module.code.size() : bytes.size();
    if (std::string why = code_size_fault(size); !why.empty())
        return rejected(name, ErrorKind::invalid_program, std::move(why));
    return module;
}

Bytes module_bytes(const Module& module) {
    const file::Module message = to_message(module);
    std::string out;
    {
        google::protobuf::io::StringOutputStream stream(&out);
        google::protobuf::io::CodedOutputStream coded(&stream);
        coded.SetSerializationDeterministic(true);
        VFM_CHECK(message.SerializeToCodedStream(&coded), "a module can always be written");
    }
    return Bytes(out.begin(), out.end());
}

Bytes program_bytes(const Module& module) {
    return module.is_raw() ? module.code : module_bytes(module);
}

Result<> check_module_size(ByteView bytes, const std::string& name) {
    if (bytes.size() <= kMaxModuleFile) return {};
    return fail(Diagnostic::about(name, fmt::format("as a module it has {} bytes, at most {} are "
                                                    "possible",
                                                    bytes.size(), kMaxModuleFile)));
}

}  // namespace vfm
