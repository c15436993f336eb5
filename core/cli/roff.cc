#include "core/cli/roff.h"

#include <fmt/core.h>

#include <algorithm>

namespace vfm::cli {
namespace {

/// The name of a page: "VFM-XDP".
std::string upper(std::string_view name) {
    std::string out(name);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return out;
}

}  // namespace

std::string roff(std::string_view text) {
    std::string out;
    bool line_start = true;
    for (const char c : text) {
        if (line_start && (c == '.' || c == '\'')) out += "\\&";
        line_start = c == '\n';
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

Page::Page(std::string_view name, unsigned section, std::string_view summary) {
    text_ = fmt::format(".TH {} {} \"\" \"VFM {}\" \"Velocity Filter Machine\"\n",
                        roff(upper(name)), section, VFM_VERSION);
    text_ += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(summary));
}

Page& Page::section(std::string_view title) { return raw(fmt::format(".SH {}\n", title)); }

Page& Page::subsection(std::string_view title) { return raw(fmt::format(".SS {}\n", roff(title))); }

Page& Page::paragraphs(std::string_view text) {
    // Line breaks inside a paragraph are spaces to roff.
    while (!text.empty()) {
        const size_t end = text.find("\n\n");
        text_ += fmt::format(".PP\n{}\n", roff(text.substr(0, end)));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 2);
    }
    return *this;
}

Page& Page::item(std::string_view term, std::string_view text) {
    std::string bold;  // a request takes quotes away
    for (const char c : roff(term)) bold += c == '"' ? std::string("\\(dq") : std::string(1, c);
    return raw(fmt::format(".TP\n.B {}\n{}\n", bold, roff(text)));
}

Page& Page::verbatim(std::string_view lines) {
    return raw(fmt::format(".PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", roff(lines)));
}

Page& Page::raw(std::string_view text) {
    text_ += text;
    return *this;
}

}  // namespace vfm::cli
