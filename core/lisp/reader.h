// Text to syntax tree: tokens and lists with their places, nothing of what names mean.
//
// The reader never gives up: what is wrong goes to the error list, and the tree holds what could be
// read, so that the next stage can report its errors as well. It does not recurse; nesting is
// limited so that later stages may.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/source.h"
#include "core/lisp/error_list.h"
#include "core/lisp/literal.h"

namespace vfm::lisp {

/// Parentheses open at once.
inline constexpr size_t kMaxNesting = 1000;
/// Tokens and lists of one text: far above what fits the largest program.
inline constexpr size_t kMaxNodes = size_t{1} << 20;

enum class NodeKind : uint8_t {
    list,
    symbol,
    number,   ///< any literal that is an integer, with its value
    address,  ///< an IPv6 address, with its value
    prefix,   ///< of either family, with its value
    string,   ///< "text", the span holds the quotes
    keyword,  ///< :name
    bad,      ///< wrong and already reported
};

/// A token or a list.
struct Node {
    NodeKind kind = NodeKind::bad;
    bool closed = true;  ///< a list: its `)` is there
    Span span;
    Literal literal{};   ///< of a number, an address or a prefix
    uint32_t first = 0;  ///< a list's elements, see SyntaxTree::elements()
    uint32_t count = 0;
};

class SyntaxTree {
  public:
    SyntaxTree(std::shared_ptr<const SourceFile> source, uint32_t file)
        : source_(std::move(source)), file_(file) {}

    const std::shared_ptr<const SourceFile>& source() const { return source_; }
    /// Its number among the files of the program.
    uint32_t file() const { return file_; }
    /// Everything on the outermost level, in the order of the text.
    std::span<const Node> roots() const { return roots_; }
    /// The elements of a list, operator included; empty for tokens.
    std::span<const Node> elements(const Node& list) const {
        return std::span(nodes_).subspan(list.first, list.count);
    }
    /// The bytes of a node as they stand in the source.
    std::string_view text(const Node& node) const {
        return source_->text().substr(node.span.begin, node.span.end - node.span.begin);
    }
    /// The node with one space between elements. Literals are as typed, or as tables are named:
    /// numbers as unsigned decimals, IPv6 addresses in their shortest form. Cut off after `limit`
    /// bytes or a few more.
    enum class Literals : uint8_t { as_typed, plain };
    std::string canonical(const Node& node, Literals literals, size_t limit) const;

  private:
    friend class Reader;
    std::shared_ptr<const SourceFile> source_;
    uint32_t file_;
    std::vector<Node> nodes_;  // elements of one list stand together
    std::vector<Node> roots_;
};

/// Reads a file of the list's sources; any bytes will do. Comments and white space are gone
/// afterwards.
SyntaxTree read(uint32_t file, ErrorList& errors);

}  // namespace vfm::lisp
