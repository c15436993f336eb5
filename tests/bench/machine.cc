#include "tests/bench/machine.h"

#include <sys/utsname.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>

namespace vfm::bench {
namespace {

std::string line_of(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// The value of the first line of /proc/cpuinfo that begins with `name`.
std::string cpu_fact(const std::string& name) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(": ");
        if (line.starts_with(name + "\t") && colon != line.npos) return line.substr(colon + 2);
    }
    return {};
}

}  // namespace

nlohmann::ordered_json describe_machine() {
    nlohmann::ordered_json made;
    made["cpu"] = cpu_fact("model name");
    made["family_model_stepping"] =
        cpu_fact("cpu family") + "/" + cpu_fact("model") + "/" + cpu_fact("stepping");
    made["cpus"] = std::thread::hardware_concurrency();
    for (int index = 0; index < 4; ++index) {
        const std::string at = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
        const std::string type = line_of(at + "/type");
        if (type == "Instruction" || type.empty()) continue;
        made["L" + line_of(at + "/level")] = line_of(at + "/size");
    }
    const std::set<std::string> interesting = {"avx2",     "avx512f",    "avx512bw", "avx512vl",
                                               "avx512dq", "avx512vbmi", "bmi2",     "hypervisor"};
    made["flags"] = nlohmann::json::array();
    std::istringstream flags(cpu_fact("flags"));
    for (std::string flag; flags >> flag;)
        if (interesting.contains(flag)) made["flags"].push_back(flag);
    utsname system{};
    uname(&system);
    made["kernel"] = std::string(system.sysname) + " " + system.release;
    made["huge_pages"] = line_of("/sys/kernel/mm/transparent_hugepage/enabled");
    return made;
}

}  // namespace vfm::bench
