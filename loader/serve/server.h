// The process that serves a filter in user space: everything that must stand before the first frame
// is handed over, the watch over the interface while it serves, and the end.
//
// Order is what matters. To begin: tables, sockets with full fill rings, threads, and only then the
// program at XDP and the pins, the link last. To end: the program goes first, then what waits in
// the rings is served, then the process goes and with it the helper interface. A process that is
// killed leaves the program, which lets packets follow the on-error verdict once the beats stay
// away.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/front/front.h"
#include "loader/attach.h"
#include "loader/messages.h"
#include "loader/serve/demand.h"
#include "loader/serve/hand_over_way.h"
#include "loader/serve/handover.h"
#include "loader/serve/live_program.h"
#include "loader/serve/queues.h"
#include "loader/serve/watch.h"
#include "loader/shared_memory.h"
#include "loader/state.h"

namespace vfm {

struct ServeOptions {
    AttachOptions attach;  ///< its mode says nothing here
    HandOverOptions hand_over;
};

class Server {
  public:
    /// Everything stands, frames come. All or nothing, as attach_filter(). `notes` are for whoever
    /// started it. The calling process must have one thread; it is best a process of its own.
    static Result<std::unique_ptr<Server>> start(const Filter& filter, const Interface& interface,
                                                 const ServeOptions& options,
                                                 std::vector<Diagnostic>& notes);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    /// Why serving ended: somebody else takes the filter off; SIGTERM, SIGINT or a hang-up came; or
    /// there is nothing to serve any more, as when the interface is gone.
    enum class End : uint8_t { taken_off, signal, lost };
    /// Serves until then. What happens is said in its messages.
    End serve();
    /// Serves what waits in the rings, ends the threads and gives up the helper interface.
    void finish();
    /// Takes the program off the interface and finishes, for who serves in the foreground. What the
    /// filter has counted can be read until remove().
    void take_off();
    /// Removes the state and the messages, unless somebody else has taken the filter off. Fails
    /// with Status::refused.
    Result<> remove();

    const StoredFilter& filter() const { return stored_; }
    const LiveProgram& program() const { return live_; }
    /// Where it writes what it has to say.
    const Messages& messages() const { return *messages_; }

  private:
    Server(const Interface& interface, const ServeOptions& options)
        : interface_(interface), options_(options) {}

    Result<> prepare(const Filter& filter);
    vfm_served* served() const;
    Result<> make_tables();
    Result<> make_enforcement();
    Result<> attach(std::vector<Diagnostic>& notes);
    Result<> hand_over(const HandOverWay& way);
    Result<> open_queues(const HandOverWay& way);
    Result<> pin_all();
    void undo_hand_over();
    void look_at_interface();
    void look_at_queues();
    void look_at_sets();
    bool take_set(size_t number, uint64_t now);
    Result<> pin_sets(const std::string& directory);
    void add_queues(uint32_t now);
    void show_next_queue(uint64_t limit);
    Result<> renew_program();
    bool is_ours() const;
    bool is_told_to_stop();
    bool is_told_soon();
    void silence(const std::string& why);

    Interface interface_;
    ServeOptions options_;
    LiveProgram live_;
    Demand demand_;
    std::string bpffs_;
    Record record_;
    StoredFilter stored_;
    std::optional<Messages> messages_;
    Fd signals_, service_lock_, link_;
    std::vector<SharedMemory> table_memory_;
    std::optional<SharedMemory> served_, counters_, set_changes_, flow_changes_, enforce_;
    uint64_t next_expiry_ = UINT64_MAX;  // of a member of a live set, CLOCK_MONOTONIC
    std::shared_ptr<SharedTables> tables_;
    std::vector<std::shared_ptr<LiveSet>> live_sets_;  // by set number, null for constant ones
    std::unique_ptr<GiveBack> give_back_;
    std::unique_ptr<Handover> handover_;
    std::unique_ptr<Queues> queues_;
    std::unique_ptr<InterfaceWatch> watch_;
    InterfaceState state_;
    HandOverWay way_;
    uint32_t unserved_ = 0;  // queues that there were when one could not be served
    std::string end_;        // why serving ends, once it does
    bool is_detached_ = false;
    bool silenced_ = false;
    bool is_unpinned_ = false;
};

}  // namespace vfm
