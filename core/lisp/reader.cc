#include "core/lisp/reader.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/text.h"

namespace vfm::lisp {
namespace {

constexpr std::string_view kWhiteSpace = " \t\n\r\f\v";

bool is_space(char c) { return kWhiteSpace.find(c) != std::string_view::npos; }
bool ends_token(char c) { return is_space(c) || c == '(' || c == ')' || c == ';' || c == '"'; }

}  // namespace

class Reader {
  public:
    Reader(uint32_t file, ErrorList& errors)
        : tree_(errors.sources().file(file), file), text_(tree_.source_->text()), errors_(errors) {}

    SyntaxTree run() {
        while (at_ < text_.size() && !gave_up_) step();
        finish();
        return std::move(tree_);
    }

  private:
    struct Open {
        uint32_t at;         // of the parenthesis
        size_t pending = 0;  // where its elements begin in pending_
    };

    void step() {
        const char c = text_[at_];
        if (is_space(c)) {
            ++at_;
        } else if (c == ';') {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (c == '(') {
            open_list();
        } else if (c == ')') {
            close_list();
        } else if (c == '"') {
            add(string());
        } else {
            add(token());
        }
    }

    uint32_t here() const { return static_cast<uint32_t>(at_); }

    void open_list() {
        const uint32_t paren = here();
        ++at_;
        if (open_.size() < kMaxNesting) {
            open_.push_back({paren, pending_.size()});
            return;
        }
        if (too_deep_.empty())
            error({paren, paren + 1},
                  fmt::format("more than {} parentheses are open at once", kMaxNesting));
        too_deep_.push_back(paren);
    }

    void close_list() {
        ++at_;
        if (!too_deep_.empty()) {
            const uint32_t paren = too_deep_.back();
            too_deep_.pop_back();
            if (too_deep_.empty()) add({.kind = NodeKind::bad, .span = {paren, here()}});
        } else if (!open_.empty()) {
            end_list(true);
        } else {
            error({here() - 1, here()}, "`)` without a `(` before it");
        }
    }

    /// Moves the elements of the innermost open list to their final place.
    void end_list(bool closed) {
        const Open open = open_.back();
        open_.pop_back();
        const auto elements = pending_.begin() + static_cast<std::ptrdiff_t>(open.pending);
        const Node list{.kind = NodeKind::list,
                        .closed = closed,
                        .span = {open.at, here()},
                        .first = static_cast<uint32_t>(tree_.nodes_.size()),
                        .count = static_cast<uint32_t>(pending_.end() - elements)};
        tree_.nodes_.insert(tree_.nodes_.end(), elements, pending_.end());
        pending_.erase(elements, pending_.end());
        add(list);
    }

    void add(const Node& node) {
        if (!too_deep_.empty()) return;
        pending_.push_back(node);
        if (pending_.size() + tree_.nodes_.size() <= kMaxNodes || gave_up_) return;
        error(node.span, fmt::format("too complex: more than {} tokens and lists", kMaxNodes));
        gave_up_ = true;
    }

    Node string() {
        const uint32_t begin = here();
        for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
            if (text_[at_] == '"') {
                ++at_;
                return {.kind = NodeKind::string, .span = {begin, here()}};
            }
        }
        error({begin, here()}, "this string has no closing `\"` on its line");
        return {.kind = NodeKind::bad, .span = {begin, here()}};
    }

    Node token() {
        const uint32_t begin = here();
        while (at_ < text_.size() && !ends_token(text_[at_])) ++at_;
        const std::string_view token = text_.substr(begin, at_ - begin);
        const Span span{begin, here()};
        const ParsedLiteral parsed = parse_literal(token);
        if (!parsed.error.empty()) {
            error(span, parsed.error);
            return {.kind = NodeKind::bad, .span = span};
        }
        if (!parsed.literal)
            return {.kind = token[0] == ':' ? NodeKind::keyword : NodeKind::symbol, .span = span};
        return {.kind = kind_of(parsed.literal->kind), .span = span, .literal = *parsed.literal};
    }

    static NodeKind kind_of(LiteralKind kind) {
        switch (kind) {
            case LiteralKind::number:
                return NodeKind::number;
            case LiteralKind::address:
                return NodeKind::address;
            case LiteralKind::prefix:
                return NodeKind::prefix;
        }
        return NodeKind::bad;
    }

    void error(Span span, std::string message) {
        errors_.error({tree_.file_, span}, std::move(message));
    }

    void finish() {
        if (!gave_up_ && !(open_.empty() && too_deep_.empty())) {
            const uint32_t paren = too_deep_.empty() ? open_.back().at : too_deep_.back();
            error({paren, paren + 1}, "`(` without its `)`");
        }
        if (!too_deep_.empty()) {
            const uint32_t paren = too_deep_.front();
            too_deep_.clear();
            add({.kind = NodeKind::bad, .span = {paren, here()}});
        }
        while (!open_.empty()) end_list(false);
        tree_.roots_ = std::move(pending_);
    }

    SyntaxTree tree_;
    std::string_view text_;
    ErrorList& errors_;
    size_t at_ = 0;
    std::vector<Node> pending_;  // finished elements of lists that are still open
    std::vector<Open> open_;
    std::vector<uint32_t> too_deep_;  // parentheses beyond kMaxNesting: their lists are skipped
    bool gave_up_ = false;
};

SyntaxTree read(uint32_t file, ErrorList& errors) { return Reader(file, errors).run(); }

std::string SyntaxTree::canonical(const Node& node, Literals literals, size_t limit) const {
    std::string out;
    const bool plain = literals == Literals::plain;
    struct Frame {
        const Node* list;
        size_t next = 0;
    };
    std::vector<Frame> frames;
    const auto begin = [&](const Node& n) {
        if (n.kind == NodeKind::list) {
            out += '(';
            frames.push_back({&n});
        } else if (plain && n.kind == NodeKind::number) {
            out += fmt::format("{}", n.literal.lo);
        } else if (plain && n.kind == NodeKind::address) {
            out += ipv6_text({n.literal.hi, n.literal.lo});
        } else {
            out += text(n).substr(0, limit);
        }
    };
    begin(node);
    while (!frames.empty() && out.size() <= limit) {
        Frame& frame = frames.back();
        const std::span<const Node> children = elements(*frame.list);
        if (frame.next == children.size()) {
            out += ')';
            frames.pop_back();
            continue;
        }
        if (frame.next > 0) out += ' ';
        begin(children[frame.next++]);  // may move the frames: `frame` is not used afterwards
    }
    return out;
}

}  // namespace vfm::lisp
