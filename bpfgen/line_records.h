// Where in the source each instruction came from, as the kernel keeps it: the records in
// `.BTF.ext`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "bpfgen/object.h"
#include "core/base/bytes.h"

namespace vfm::bpf {

/// Puts a text among the strings of `.BTF` and gives its place there.
using PutString = std::function<uint32_t(std::string_view)>;

/// Of each file and of each line the text is put once, however many records name it: a filter may
/// be a single long line.
class LineRecords {
  public:
    LineRecords(const Program& program, PutString put);

    /// struct bpf_line_info one behind the other for the instructions of a function, from `from` to
    /// before `to`, of which the first is number `at` in its section: one for each change of
    /// position.
    Bytes of(uint32_t from, uint32_t to, uint32_t at = 0);

  private:
    uint32_t name(uint32_t file);
    uint32_t text(const LineInfo& line);

    const Program& program_;
    std::vector<SourceFile> files_;
    std::vector<std::optional<uint32_t>> names_;
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> texts_;  // by file and line
    PutString put_;
};

}  // namespace vfm::bpf
