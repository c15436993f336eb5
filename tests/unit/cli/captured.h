// What a piece of code writes to stdout and stderr, and what it returns.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

#include "core/cli/cli.h"

namespace vfm::test {

/// Sends a file descriptor to a temporary file while it lives.
class Redirected {
  public:
    explicit Redirected(int fd) : fd_(fd), saved_(dup(fd)), file_(std::tmpfile()) {
        std::fflush(nullptr);
        dup2(fileno(file_), fd_);
    }
    ~Redirected() {
        std::fclose(file_);
        close(saved_);
    }
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;

    std::string finish() {
        std::fflush(nullptr);
        dup2(saved_, fd_);
        std::string text(static_cast<size_t>(lseek(fileno(file_), 0, SEEK_END)), '\0');
        const ssize_t size = pread(fileno(file_), text.data(), text.size(), 0);
        text.resize(static_cast<size_t>(size));
        return text;
    }

  private:
    int fd_;
    int saved_;
    FILE* file_;
};

struct Captured {
    int status = 0;
    std::string out, err;
};

inline Captured captured(const std::function<int()>& run) {
    Redirected out(STDOUT_FILENO), err(STDERR_FILENO);
    Captured result;
    result.status = run();
    result.out = out.finish();
    result.err = err.finish();
    return result;
}

inline const cli::Tool& sample_tool() {
    static const cli::Tool tool = {"vfm-x",
                                   "[OPTIONS] IN [MORE]",
                                   "Does x.",
                                   "First paragraph.\n\n.second\\paragraph",
                                   {{"vfm-x a -o b", "does it"}}};
    return tool;
}

inline cli::po::options_description sample_options() {
    namespace po = cli::po;
    po::options_description options;
    options.add_options()("output,o", po::value<std::string>()->value_name("OUT")->required(),
                          "where it goes")("verbose,v", "more")(
        "fuel", po::value<std::string>()->value_name("N"), "instructions");
    return options;
}

/// parse() of the sample tool: prints the values and returns 0, or the outcome's status.
inline int parse_sample(const cli::Tool& tool, const std::vector<std::string>& arguments) {
    namespace po = cli::po;
    po::options_description hidden;
    hidden.add_options()("in", po::value<std::string>()->required())("more",
                                                                     po::value<std::string>());
    po::positional_options_description positional;
    positional.add("in", 1).add("more", 1);
    const auto parsed = cli::parse(tool, sample_options(), hidden, positional, arguments);
    if (!parsed.values) return parsed.status;
    const auto& values = *parsed.values;
    std::string text =
        "in=" + values["in"].as<std::string>() + " out=" + values["output"].as<std::string>();
    if (values.count("more")) text += " more=" + values["more"].as<std::string>();
    if (values.count("verbose")) text += " verbose";
    std::fputs((text + "\n").c_str(), stdout);
    return 0;
}

}  // namespace vfm::test
