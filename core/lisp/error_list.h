// Everything found wrong with a program's files. Stages report here and go on, so that one run
// shows all.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/diagnostic.h"

namespace vfm::lisp {

/// Messages beyond this many become a single one that says so: a hostile text is not worth the
/// memory.
inline constexpr size_t kMaxErrors = 10000;

class ErrorList {
  public:
    explicit ErrorList(std::shared_ptr<const SourceFile> first)
        : sources_(std::make_shared<SourceSet>(std::move(first))) {}

    void error(Place place, std::string message, std::string hint = {});
    void warning(Place place, std::string message);
    /// An error at the first column of the line after the last of a file.
    void error_after_last_line(uint32_t file, std::string message);

    /// The files; whoever opens one adds it.
    SourceSet& sources() { return *sources_; }
    const SourceSet& sources() const { return *sources_; }
    std::shared_ptr<const SourceSet> shared_sources() const { return sources_; }

    bool has_errors() const { return errors_ > 0; }
    /// Errors and warnings by file, in the order of their places.
    std::vector<Diagnostic> take();

  private:
    void add(uint32_t file, Diagnostic diagnostic);
    bool has_room();

    std::shared_ptr<SourceSet> sources_;
    // By file and place; at one place the first comes first.
    std::multimap<std::pair<uint32_t, uint32_t>, Diagnostic> list_;
    size_t errors_ = 0;
    bool left_out_ = false;
};

}  // namespace vfm::lisp
