#include "userspace/tools/test_loop.h"

#include <utility>

namespace vfm {

PacketResult unjudged(const CaptureReader& capture, const CapturedPacket& captured,
                      uint64_t number) {
    PacketResult result{.number = number,
                        .packet = captured.packet,
                        .record = captured.record,
                        .interfaces = capture.interfaces()};
    if (!captured.readable) {
        result.skip = Skip::link;
        result.outcome = Outcome::skip();
    }
    return result;
}

RunEnd run_capture(CaptureReader& capture, EngineSet& engines, const RunHooks& hooks) {
    capture.before_wait(hooks.idle);
    for (uint64_t number = 1; !capture.stop_asked(); ++number) {
        const auto captured = capture.next();
        if (!captured) return {.broken = captured.error()};
        if (!*captured) return {};
        if (capture.has_notes()) [[unlikely]]
            hooks.note(capture.take_notes());
        PacketResult result = unjudged(capture, **captured, number);
        if (result.skip == Skip::none) {
            auto outcome = engines.run(result.packet);
            if (!outcome) {
                const ByteView bytes = result.packet.visible();
                return {.differing = RunEnd::Differing{
                            std::move(outcome).error(), number, {bytes.begin(), bytes.end()}}};
            }
            judge(result, *outcome, engines);
        }
        if (!hooks.each(result)) return {};
    }
    return {};
}

}  // namespace vfm
