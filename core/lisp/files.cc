#include "core/lisp/files.h"

#include <filesystem>

#include "core/base/io.h"

namespace vfm::lisp {

Result<OpenedFile> DiskFiles::open(const std::string& path, const std::string& from, size_t limit) {
    std::filesystem::path full(path);
    if (full.is_relative() && !from.starts_with('<'))
        full = std::filesystem::path(from).parent_path() / full;
    // `-` is a name like any other here, not standard input.
    std::string name = full.string();
    if (name == "-") name = "./-";
    std::string text = TRY(read_text(name, limit));
    return OpenedFile{name, identity(name), std::move(text)};
}

std::string DiskFiles::identity(const std::string& name) {
    std::error_code error;
    const std::filesystem::path path = std::filesystem::canonical(name, error);
    return error ? name : path.string();
}

}  // namespace vfm::lisp
