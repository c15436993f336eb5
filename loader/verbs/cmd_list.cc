#include <fmt/core.h>

#include <cstdio>

#include "core/module/module_file.h"
#include "loader/bpffs.h"
#include "loader/kernel.h"
#include "loader/served.h"
#include "loader/verbs/commands.h"
#include "loader/verbs/report.h"

namespace vfm {
namespace {

constexpr size_t kSourceColumn = 56;

Result<std::string> list(const CommandLine& line) {
    TRY(require_capabilities("list", {Capability::bpf}));
    const auto bpffs = TRY(find_bpffs(line.bpffs_directory()));
    const auto filters = TRY(stored_filters(bpffs));
    if (line.has("json")) {
        Json rows = Json::array();
        for (const StoredFilter& filter : filters) rows.push_back(filter_json(filter));
        return json_line(rows);
    }
    if (filters.empty()) return "no filters are attached\n";
    std::vector<std::vector<std::string>> rows = {{"IFACE", "HOOK", "MODE", "NAME", "PROGRAM",
                                                   "ON-ERROR", "ENFORCE", "STATE", "ATTACHED",
                                                   "SOURCE"}};
    for (const StoredFilter& filter : filters) {
        const Record& record = filter.record;
        rows.push_back({filter.interface, std::string(hook_info(record.hook).name),
                        std::string(mode_name(record.mode)), record.name,
                        std::to_string(filter.program_id), record.drop_on_error ? "drop" : "pass",
                        enforced_text(filter).value_or("-"), state_text(filter), record.attached_at,
                        one_line(record.source, kSourceColumn)});
    }
    return aligned(rows);
}

Json shown_json(const StoredFilter& filter) {
    Json object = filter_json(filter);
    object["source_name"] = filter.record.source_name;
    object["program_bytes"] = filter.record.program_size;
    object["pins"] = filter.directory;
    object["link"] = filter.link;
    if (is_served(filter.record)) {
        const Service service = service_of(filter.directory);
        object["hand_over"] = filter.record.hand_over;
        object["messages"] = filter.record.messages;
        object["pid"] = service.process ? Json(service.pid) : Json();
    }
    object["tables"] = Json::array();
    for (const RecordedTable& table : filter.record.tables)
        object["tables"].push_back({{"name", table.name},
                                    {"key", key_kinds_text(table.key)},
                                    {"capacity", table.capacity},
                                    {"pin", filter.directory + "/maps/" + table.map}});
    return object;
}

/// Who serves it, and where he writes.
std::string served_text(const StoredFilter& filter) {
    const Service service = service_of(filter.directory);
    std::string who = "no process: packets follow the on-error verdict";
    if (service.process && service.answers) who = fmt::format("process {}", service.pid);
    if (service.process && !service.answers)
        who = fmt::format("process {}, which does not answer: packets follow the on-error verdict",
                          service.pid);
    return fmt::format(
        "  served by {}, engine {}, frames handed over in {} mode\n"
        "  messages  {}\n",
        who, filter.record.engine, filter.record.hand_over, filter.record.messages);
}

std::string shown_text(const StoredFilter& filter) {
    const Record& record = filter.record;
    std::string text = fmt::format(
        "'{}' on {} at {}\n"
        "  state     {}, {} mode, program {}, attached {}\n"
        "  on error  {}\n"
        "  enforce   {}\n"
        "  pins      {}\n",
        record.name, filter.interface, hook_info(record.hook).name, state_text(filter),
        mode_name(record.mode), filter.program_id, record.attached_at,
        record.drop_on_error ? "drop" : "pass", enforced_text(filter).value_or("-"),
        filter.directory);
    if (is_served(record)) text += served_text(filter);
    for (const RecordedTable& table : record.tables)
        text += fmt::format("  table     {} (keys: {}, {} entries at most)\n",
                            printable(table.name, 200), key_kinds_text(table.key), table.capacity);
    text += fmt::format("  source    {}\n", printable(record.source_name, 200));
    const SourceFile source(record.source_name, record.source);
    for (uint32_t number = 1; number <= source.line_count(); ++number)
        text += fmt::format("  {:>5} | {}\n", number, printable(source.line(number), 200));
    return text;
}

Result<std::string> show(const CommandLine& line) {
    TRY(require_capabilities("show", {Capability::bpf}));
    const Selection selected = TRY(selection(line));
    const auto filters = TRY(select_filters(line.bpffs_directory(), selected));
    Json objects = Json::array();
    std::string text;
    for (const StoredFilter& filter : filters) {
        objects.push_back(shown_json(filter));
        text += (text.empty() ? "" : "\n") + shown_text(filter);
    }
    return line.has("json") ? json_line(objects) : text;
}

int print(const Result<std::string>& text) {
    if (!text) return cli::report(text.error());
    std::fputs(text->c_str(), stdout);
    return 0;
}

}  // namespace

const cli::Tool kList = {
    .name = "vfm-xdp list",
    .usage = "[OPTIONS]",
    .summary = "Lists the filters that are attached.",
    .description =
        "A filter is stale when its interface is gone or its link was detached by another program, "
        "and elsewhere when its interface is in another network namespace. It is unserved when it "
        "runs "
        "in user space and its process is gone or does not answer: packets then follow the "
        "on-error "
        "verdict.\n\n"
        "enforce is on for a filter that drops all it decides to drop; off or a share of all flows "
        "for one that was attached with --monitor or --canary.\n\n"
        "One that was attached with --confirm has the seconds behind its state that are left to "
        "confirm it, in JSON as \"confirm_left\".",
    .examples = {{"vfm-xdp list --json", "all of them, an array of objects"}}};

const cli::Tool kShow = {
    .name = "vfm-xdp show",
    .usage = "IFACE [OPTIONS]",
    .summary = "Shows the filters of an interface with their source and tables.",
    .description = "Stale filters of an interface of that name are shown too.",
    .examples = {{"vfm-xdp show eth0", "what works on eth0"}}};

int run_list(const std::vector<std::string>& arguments) {
    CommandLine line(kList);
    line.bpffs().json();
    if (const auto status = line.parse(arguments)) return *status;
    return print(list(line));
}

int run_show(const std::vector<std::string>& arguments) {
    CommandLine line(kShow);
    line.positional("iface", "interface", true)
        .value("name", "NAME", "only the filter of this name")
        .value("hook", "HOOK", "only those at xdp, tc-ingress or tc-egress")
        .bpffs()
        .json();
    if (const auto status = line.parse(arguments)) return *status;
    return print(show(line));
}

}  // namespace vfm
