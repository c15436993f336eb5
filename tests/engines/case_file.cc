#include "tests/engines/case_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "core/asm/assembler.h"
#include "core/asm/disassembler.h"
#include "core/base/text.h"
#include "core/lisp/compile.h"

namespace vfm::test {
namespace {

uint64_t number(const std::string& text) {
    const ParsedNumber parsed = parse_number(text);
    if (!parsed.value) throw std::runtime_error("'" + text + "' is no number");
    return *parsed.value;
}

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

Bytes hex_bytes(const std::string& text) {
    std::string digits;
    for (const std::string& word : words_of(text)) digits += word;
    Bytes out;
    for (size_t i = 0; i + 1 < digits.size(); i += 2)
        out.push_back(static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    if (digits.size() % 2 != 0) throw std::runtime_error("half a byte in '" + digits + "'");
    return out;
}

ErrorKind error_kind(const std::string& name) {
    for (int kind = 0; kind < static_cast<int>(kErrorKinds); ++kind)
        if (error_name(static_cast<ErrorKind>(-kind)) == name) return static_cast<ErrorKind>(-kind);
    throw std::runtime_error("'" + name + "' is no error");
}

/// A packet whose numbers are set by name.
class Composer {
  public:
    explicit Composer(const std::string& kind) {
        if (kind == "empty") return;
        bytes_ = hex_bytes("020000000002 020000000001");
        if (kind == "arp") {
            append("0806 0001080006040001 020000000001 0a000001 000000000000 0a000002");
        } else if (kind == "tcp6") {
            append(
                "86dd 60000000 0014 06 40 20010db8000000000000000000000001"
                "20010db8000000000000000000000002");
            transport(54);
            append("9c40 0050 00000001 00000000 50 02 2000 0000 0000");
        } else {
            append("0800 4500 0000 0001 0000 40 00 0000 0a000001 0a000002");
            at_ = {{"len16", {16, 2}}, {"ttl", {22, 1}}, {"src", {26, 4}}, {"dst", {30, 4}}};
            transport(34);
            ip(kind);
        }
    }

    void set(const std::string& name, uint64_t value) {
        const auto place = at_.find(name);
        if (place == at_.end()) throw std::runtime_error("this packet has no '" + name + "'");
        const auto [offset, size] = place->second;
        for (unsigned i = 0; i < size; ++i)
            bytes_.at(offset + i) = static_cast<uint8_t>(value >> (8 * (size - 1 - i)));
    }

    Bytes bytes_;

  private:
    void append(const std::string& text) {
        const Bytes more = hex_bytes(text);
        bytes_.insert(bytes_.end(), more.begin(), more.end());
    }

    void transport(unsigned offset) {
        at_["sport"] = {offset, 2};
        at_["dport"] = {offset + 2, 2};
        at_["flags"] = {offset + 13, 1};
    }

    void ip(const std::string& kind) {
        const std::map<std::string, std::pair<uint8_t, std::string>> kinds = {
            {"tcp", {6, "9c40 0050 00000001 00000000 50 10 2000 0000 0000"}},
            {"udp", {17, "9c40 0035 0008 0000"}},
            {"icmp", {1, "0800 f7ff 0000 0000"}},
        };
        const auto row = kinds.find(kind);
        if (row == kinds.end()) throw std::runtime_error("unknown packet '" + kind + "'");
        bytes_[23] = row->second.first;
        append(row->second.second);
        set("len16", bytes_.size() - 14);
    }

    std::map<std::string, std::pair<unsigned, unsigned>> at_;  // offset and size by name
};

Module compile(const std::string& language, const std::string& text, const std::string& place) {
    const auto source = std::make_shared<const SourceFile>(place, text);
    if (language == "asm") {
        auto made = assemble(source);
        if (!made) throw std::runtime_error(render(made.error().diagnostics));
        return std::move(made->module);
    }
    auto made = lisp::compile(source);
    if (!made) throw std::runtime_error(render(made.error().diagnostics));
    return std::move(made->module);
}

/// Reads a file line by line into cases.
class Reader {
  public:
    explicit Reader(std::string path) : path_(std::move(path)) {}

    std::vector<Case> read() {
        std::ifstream file(path_);
        if (!file) throw std::runtime_error(path_ + ": cannot be read");
        for (std::string line; std::getline(file, line);) {
            ++line_;
            try {
                take(line);
            } catch (const std::exception& why) {
                throw std::runtime_error(fmt::format("{}:{}: {}", path_, line_, why.what()));
            }
        }
        finish_program();
        return std::move(cases_);
    }

  private:
    void take(const std::string& line) {
        if (!line.starts_with("--")) {
            if (!language_.empty())
                text_ += line + "\n";
            else if (!line.empty() && !line.starts_with("#"))
                throw std::runtime_error("text outside of a program");
            return;
        }
        finish_program();
        std::vector<std::string> words = words_of(line.substr(2));
        if (words.empty()) throw std::runtime_error("a section without a name");
        const std::string name = words.front();
        words.erase(words.begin());
        if (name == "asm" || name == "lisp")
            begin_program(name);
        else if (cases_.empty())
            throw std::runtime_error("a section before the first program");
        else
            section(name, words, line);
    }

    void section(const std::string& name, const std::vector<std::string>& words,
                 const std::string& line) {
        Case& current = cases_.back();
        if (name == "refused") {
            current.refused = true;
        } else if (name == "packet") {
            const std::string rest = line.substr(line.find("packet") + 6);
            const bool is_hex = !words.empty() && words[0] == "hex";
            current.packets.push_back({});
            current.packets.back().line = line_;
            current.packets.back().bytes =
                is_hex ? hex_bytes(rest.substr(rest.find("hex") + 3)) : packet_words(rest);
        } else if (current.packets.empty() || words.empty()) {
            throw std::runtime_error("unknown or misplaced section '" + name + "'");
        } else if (name == "result") {
            current.packets.back().expected = Outcome::of(number(words[0]));
        } else if (name == "trap") {
            current.packets.back().expected = Outcome::trap(error_kind(words[0]));
        } else if (name == "flows") {
            flows(current.packets.back(), words);
        } else if (name == "counts") {
            counts(current.packets.back(), words);
        } else {
            throw std::runtime_error("unknown section '" + name + "'");
        }
    }

    static void flows(CasePacket& packet, const std::vector<std::string>& words) {
        const auto table = static_cast<uint32_t>(number(words[0]));
        packet.flow_table = table;
        for (size_t i = 1; i < words.size(); ++i) {
            const size_t equals = words[i].find('=');
            packet.flows.push_back(
                {table, key(words[i].substr(0, equals)), number(words[i].substr(equals + 1))});
        }
        std::ranges::sort(packet.flows);
    }

    static FlowKey key(const std::string& text) {
        std::vector<uint64_t> words;
        for (size_t at = 0; at <= text.size();) {
            const size_t comma = std::min(text.find(',', at), text.size());
            words.push_back(number(text.substr(at, comma - at)));
            at = comma + 1;
        }
        return FlowKey(words);
    }

    static void counts(CasePacket& packet, const std::vector<std::string>& words) {
        packet.group = static_cast<uint32_t>(number(words[0]));
        for (size_t i = 1; i < words.size(); ++i) {
            const size_t slash = words[i].find('/');
            packet.counts.push_back(
                {number(words[i].substr(0, slash)), number(words[i].substr(slash + 1))});
        }
    }

    void begin_program(const std::string& language) {
        language_ = language;
        cases_.push_back({});
        cases_.back().place = fmt::format("{}:{}", path_.substr(path_.rfind('/') + 1), line_);
    }

    void finish_program() {
        if (language_.empty()) return;
        cases_.back().module = compile(language_, text_, cases_.back().place);
        language_.clear();
        text_.clear();
    }

    std::string path_;
    unsigned line_ = 0;
    std::string language_;  // of the program being read; empty outside of one
    std::string text_;
    std::vector<Case> cases_;
};

}  // namespace

Bytes packet_words(const std::string& text) {
    const std::vector<std::string> words = words_of(text);
    if (words.empty()) throw std::runtime_error("a packet without a kind");
    Composer composer(words[0]);
    std::optional<uint64_t> length;
    for (size_t i = 1; i < words.size(); ++i) {
        const size_t equals = words[i].find('=');
        if (equals == std::string::npos)
            throw std::runtime_error("'" + words[i] + "' is not NAME=NUMBER");
        const std::string name = words[i].substr(0, equals);
        const uint64_t value = number(words[i].substr(equals + 1));
        if (name == "len")
            length = value;
        else
            composer.set(name, value);
    }
    if (length) composer.bytes_.resize(*length);
    return std::move(composer.bytes_);
}

std::vector<Case> read_cases(const std::string& path) { return Reader(path).read(); }

std::string case_text(const Module& module, const std::vector<Bytes>& packets,
                      const std::vector<Outcome>& outcomes) {
    std::string text = "-- asm\n" + disassemble(module);
    if (!text.ends_with('\n')) text += '\n';
    for (size_t i = 0; i < packets.size(); ++i) {
        text += "-- packet hex " + hex(packets[i]) + "\n";
        if (outcomes[i].error == ErrorKind::success)
            text += fmt::format("-- result {}\n", outcomes[i].value);
        else
            text += fmt::format("-- trap {}\n", error_name(outcomes[i].error));
    }
    return text;
}

}  // namespace vfm::test
