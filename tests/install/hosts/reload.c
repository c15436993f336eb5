/* Loads libvfm.so, uses it, unloads it, and does so again: every time from the beginning. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <vfm.h>

static const char* library;
static const char* module;

/* A function of the library; ISO C has no cast from an object pointer to it. */
static void find(void* handle, const char* name, void* function) {
    *(void**)function = dlsym(handle, name);
}

static const char* use(void* handle) {
    vfm_state_t* (*create)(void);
    void (*destroy)(vfm_state_t*);
    int (*enable_jit)(vfm_state_t*);
    int (*load_file)(vfm_state_t*, const char*);
    int (*execute)(vfm_state_t*, const uint8_t*, uint16_t);
    find(handle, "vfm_create", &create);
    find(handle, "vfm_destroy", &destroy);
    find(handle, "vfm_enable_jit", &enable_jit);
    find(handle, "vfm_load_program_file", &load_file);
    find(handle, "vfm_execute", &execute);
    if (!create || !destroy || !enable_jit || !load_file || !execute)
        return "a function is missing";

    const uint8_t packet[60] = {0};
    vfm_state_t* vm = create();
    if (!vm) return "vfm_create";
    (void)enable_jit(vm); /* machines without native code interpret */
    int code = load_file(vm, module);
    int result = execute(vm, packet, 60);
    destroy(vm);
    return code == VFM_SUCCESS && result == 1 ? NULL : "vfm_load_program_file";
}

/* On a thread, because what the library keeps for one must be gone before it can be unloaded. */
static void* use_on_thread(void* handle) { return (void*)use(handle); }

static const char* round_of(void) {
    void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return dlerror();
    pthread_t thread;
    void* wrong = NULL;
    if (pthread_create(&thread, NULL, use_on_thread, handle) != 0) return "pthread_create";
    pthread_join(thread, &wrong);
    if (wrong) return wrong;
    if (dlclose(handle) != 0) return dlerror();
    return dlopen(library, RTLD_NOW | RTLD_NOLOAD) ? "it is still loaded" : NULL;
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    library = argv[1];
    module = argv[2];
    for (int i = 0; i < 3; i++) {
        const char* wrong = round_of();
        if (wrong) {
            fprintf(stderr, "round %d: %s\n", i, wrong);
            return 1;
        }
    }
    return 0;
}
