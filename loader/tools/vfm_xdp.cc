// vfm-xdp: the loader.
#include "core/cli/verbs.h"
#include "loader/verbs/commands.h"

namespace vfm {
namespace {

const cli::Tool kTool = {
    .name = "vfm-xdp",
    .usage = "VERB [OPTIONS]",
    .summary = "Attaches filters to network interfaces and shows what they do.",
    .description =
        "Filters run in the kernel, on XDP or on tc, and stay attached when the command has ended: "
        "links, programs and maps are pinned under the BPF file system, in the directory vfm.\n\n"
        "A filter's value is its verdict: 0 drops the packet, anything else lets it pass. Packets "
        "on "
        "which a filter fails pass, unless it was attached with --on-error=drop.",
    .examples = {{"vfm-xdp attach eth0 -e '(if (= udp.dport 53) (rate ip.src 100) 1)'",
                  "lets 100 DNS queries a second of each source in, and everything else"},
                 {"vfm-xdp flows eth0 --top 10", "who sent most"},
                 {"vfm-xdp detach eth0", "takes it off again"}}};

const std::vector<cli::Verb> kVerbs = {
#define VFM_VERB(word, Name) {#word, &k##Name, run_##word},
#include "loader/verbs/verbs.def"
};

}  // namespace
}  // namespace vfm

int main(int argc, char** argv) {
    return vfm::cli::run_main(argc, argv, [](const std::vector<std::string>& arguments) {
        return vfm::cli::run_verbs(vfm::kTool, vfm::kVerbs, arguments);
    });
}
