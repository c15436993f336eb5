/* Sends frames as fast as a CPU can, or evenly at a rate: live_generate OBJECT INTERFACE FRAMES
 * [RATE]
 *
 *   OBJECT     generate.bpf.o
 *   INTERFACE  a veth; its peer's NAPI gets the frames
 *   FRAMES     a file of 64 frames of one size; they go out in random order
 *   RATE       frames a second, in thousands; without it as many as possible
 *
 * Ends at SIGINT or SIGTERM and prints how many frames it gave to the interface. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/live/generate.h"

#define MOST_BYTES (LIVE_FRAMES * 1600)

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static void fail(const char* what) {
    fprintf(stderr, "live_generate: %s: %s\n", what, strerror(errno));
    exit(3);
}

static unsigned char frames[MOST_BYTES];

/* The size of one frame. */
static size_t read_frames(const char* path, int map) {
    FILE* file = fopen(path, "rb");
    if (!file) fail(path);
    size_t bytes = fread(frames, 1, sizeof frames, file), size = bytes / LIVE_FRAMES;
    fclose(file);
    errno = EINVAL;
    if (size < LIVE_HEAD || size * LIVE_FRAMES != bytes) fail(path);
    for (__u32 i = 0; i < LIVE_FRAMES; ++i)
        if (bpf_map_update_elem(map, &i, frames + i * size, BPF_ANY)) fail("live_frames");
    return size;
}

static int map_of(struct bpf_object* object, const char* name) {
    int fd = bpf_object__find_map_fd_by_name(object, name);
    if (fd < 0) fail(name);
    return fd;
}

int main(int argc, char** argv) {
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: live_generate OBJECT INTERFACE FRAMES [RATE]\n");
        return 2;
    }
    struct bpf_object* object = bpf_object__open_file(argv[1], NULL);
    if (!object || bpf_object__load(object)) fail(argv[1]);
    struct bpf_program* program = bpf_object__find_program_by_name(object, "live_generate");
    if (!program) fail("live_generate");
    const size_t size = read_frames(argv[3], map_of(object, "live_frames"));

    struct live_control state = {.to = if_nametoindex(argv[2])};
    if (!state.to) fail(argv[2]);
    if (argc == 5) state.kilo_rate = strtoull(argv[4], NULL, 10);
    const __u32 zero = 0;
    const int state_map = map_of(object, "live_state");
    if (bpf_map_update_elem(state_map, &zero, &state, BPF_ANY)) fail("live_state");

    const struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct xdp_md context = {.data_end = (__u32)size};
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frames, .data_size_in = (__u32)size,
                .ctx_in = &context, .ctx_size_in = sizeof context, .repeat = 1 << 30,
                .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                /* a rate wants many small looks at the clock */
                .batch_size = state.kilo_rate ? 8 : 64);
    while (!stopped)
        if (bpf_prog_test_run_opts(bpf_program__fd(program), &run) && errno != EINTR)
            fail("BPF_PROG_TEST_RUN");
    if (bpf_map_lookup_elem(state_map, &zero, &state)) fail("live_state");
    printf("{\"sent\": %llu, \"skipped\": %llu}\n", state.sent, state.skipped);
    bpf_object__close(object);
    return 0;
}
