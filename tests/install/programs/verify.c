#include <stdio.h>
#include <vfm.h>

/* A program has at most 65,536 bytes; one more tells that a file is too large. */
static uint8_t program[65537];

static uint32_t load_program(const char* name) {
    FILE* file = fopen(name, "rb");
    if (!file) return 0; /* an empty program, which fails verification */
    size_t length = fread(program, 1, sizeof(program), file);
    fclose(file);
    return (uint32_t)length;
}

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        uint32_t len = load_program(argv[i]);
        int code = vfm_verify(program, len);
        printf("%s: %s\n", argv[i], vfm_error_string(code));
    }
    return 0;
}
