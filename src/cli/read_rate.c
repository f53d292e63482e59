#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "cli/read_rate.h"

#include <fcntl.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/memory.h"
#include "cli/terminal.h"

#define PIECE_BYTES ((size_t)4 << 20)
#define MAX_BYTES ((size_t)128 << 20)

double ink_read_rate(const char *path)
{
    size_t done = 0;
    ssize_t got = 0;
    char *piece = ink_resize(NULL, NULL, PIECE_BYTES, 1);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && piece) {
        (void)posix_fadvise(file, 0, (off_t)MAX_BYTES, POSIX_FADV_DONTNEED);
        (void)posix_fadvise(file, 0, (off_t)MAX_BYTES, POSIX_FADV_SEQUENTIAL);
    }
    double begin = ink_clock_seconds();
    while (file >= 0 && piece && done < MAX_BYTES && (got = read(file, piece, PIECE_BYTES)) > 0)
        done += (size_t)got;
    double seconds = ink_clock_seconds() - begin;
    if (file >= 0)
        (void)close(file);
    ink_delete(NULL, piece);
    return got >= 0 && seconds > 0 ? (double)done / seconds : 0;
}

void ink_read_rate_say(const char *path, uint64_t weight_bytes, uint64_t memory_bytes)
{
    char weights[INK_SIZE_BYTES], memory[INK_SIZE_BYTES], speed[INK_SIZE_BYTES];
    double rate = ink_read_rate(path);
    ink_say("%s of weights in %s of memory: they are read again for each token; at %s/s, measured, "
            "that is about %.2g tokens/s",
            ink_format_bytes(weight_bytes, weights), ink_format_bytes(memory_bytes, memory),
            ink_format_bytes((uint64_t)rate, speed), rate / (double)weight_bytes);
}
