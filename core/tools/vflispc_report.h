// What vflispc prints: trees, listings and results, for people or as JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/lisp/ast.h"
#include "core/module/module.h"
#include "core/run/program.h"
#include "userspace/lint/lint.h"

namespace vfm {

/// The typed tree: indented lines, or one JSON object with nested arguments.
std::string tree_text(const lisp::Tree& tree, bool json);

/// The code, which decodes: source lines as comments above it, or one JSON object an instruction.
std::string listing_text(const Module& module, bool json);

/// A finding of --lint: the warning at its place with the packet that shows it, or one JSON line.
std::string finding_text(const lint::Finding& finding, bool json);

/// Counts the results of one run over packets, and words them.
class ResultReport {
  public:
    explicit ResultReport(bool json) : json_(json) {}

    /// A line about one packet; one that was skipped is of a capture and has no Ethernet header.
    /// `name` may be empty.
    std::string packet(std::string_view name, size_t length, const Outcome& outcome);
    /// The last line.
    std::string summary() const;

  private:
    bool json_;
    uint64_t packets_ = 0;  ///< skipped ones too
    uint64_t skipped_ = 0;
    uint64_t accept_ = 0;  ///< values other than 0
    uint64_t drop_ = 0;
    uint64_t errors_[kErrorKinds] = {};  ///< by error_index()
};

}  // namespace vfm
