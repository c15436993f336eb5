#include <algorithm>
#include <cstdio>
#include <iterator>

#include "loader/doctor.h"
#include "loader/serve/needs.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

std::string as_text(const std::vector<Finding>& findings) {
    std::vector<std::vector<std::string>> rows = {{"CHECK", "STATE", "FOUND"}};
    std::vector<std::pair<std::string, std::string>> remedies;  // with the checks they help
    for (const Finding& finding : findings) {
        rows.push_back({finding.name, std::string(health_name(finding.health)), finding.detail});
        if (finding.remedy.empty()) continue;
        const auto known = std::ranges::find(remedies, finding.remedy,
                                             &std::pair<std::string, std::string>::first);
        if (known == remedies.end())
            remedies.emplace_back(finding.remedy, finding.name);
        else
            known->second += ", " + finding.name;
    }
    std::string text = aligned(rows);
    if (!remedies.empty()) text += "\nHow to get the rest:\n";
    for (const auto& [remedy, names] : remedies)
        text += "  " + remedy + "\n      for " + names + "\n";
    return text;
}

std::string as_json(const std::vector<Finding>& findings) {
    Json rows = Json::array();
    for (const Finding& finding : findings)
        rows.push_back({{"name", finding.name},
                        {"state", health_name(finding.health)},
                        {"detail", finding.detail},
                        {"remedy", finding.remedy}});
    return json_line(rows);
}

}  // namespace

const cli::Tool kDoctor = {
    .name = "vfm-xdp doctor",
    .usage = "[OPTIONS]",
    .summary = "Reports what works on this machine and how to get the rest.",
    .description =
        "Kernel, privileges, BPF file system, program and map types, links, which drivers run XDP "
        "themselves, and what filters in user space need. It changes nothing and needs no "
        "privileges, but finds out more with them.",
    .examples = {{"sudo vfm-xdp doctor", "everything it can find out"}}};

int run_doctor(const std::vector<std::string>& arguments) {
    CommandLine line(kDoctor);
    line.bpffs().json();
    if (const auto status = line.parse(arguments)) return *status;
    auto findings = examine(line.bpffs_directory());
    std::ranges::move(examine_user_space(), std::back_inserter(findings));
    std::fputs((line.has("json") ? as_json(findings) : as_text(findings)).c_str(), stdout);
    return 0;
}

}  // namespace vfm
