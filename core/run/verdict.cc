#include "core/run/verdict.h"

namespace vfm {

Verdict Verdict::of(const Outcome& outcome) {
    if (outcome.error != ErrorKind::success) return {Kind::error, outcome.error};
    if (outcome.value == 0) return {};
    return {outcome.value == kLogVerdict ? Kind::log : Kind::pass};
}

std::string_view verdict_name(const Verdict& verdict) {
    switch (verdict.kind) {
        case Verdict::Kind::drop:
            return "drop";
        case Verdict::Kind::pass:
            return "pass";
        case Verdict::Kind::log:
            return "log";
        case Verdict::Kind::error:
            break;
    }
    return error_name(verdict.error);
}

}  // namespace vfm
