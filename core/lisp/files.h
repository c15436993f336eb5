// How a program reaches the files that it names: `include` and `defset :file`. Whoever compiles a
// string gives none.
#pragma once

#include <string>

#include "core/base/result.h"

namespace vfm::lisp {

/// A file that was read.
struct OpenedFile {
    std::string name;      ///< for messages
    std::string identity;  ///< equal for one file, however it was named
    std::string text;
};

/// Opens files on behalf of compile(). A failure is one diagnostic whose message says why.
class Files {
  public:
    virtual ~Files() = default;
    /// `path` is as the program names it, in the file that messages call `from`. More than `limit`
    /// bytes are a failure.
    virtual Result<OpenedFile> open(const std::string& path, const std::string& from,
                                    size_t limit) = 0;
    /// The identity of the program's own file.
    virtual std::string identity(const std::string& name) = 0;
};

/// Files of this machine: a path that is not absolute is relative to the file that names it, to the
/// current directory where that is none (`<expr>`, `<stdin>`).
class DiskFiles : public Files {
  public:
    Result<OpenedFile> open(const std::string& path, const std::string& from,
                            size_t limit) override;
    std::string identity(const std::string& name) override;
};

}  // namespace vfm::lisp
