/*
 * Replays a fuzz target without a fuzzer: every file of the given folders, each of its prefixes
 * (all up to MAX_PREFIXES, then evenly spread), and a fixed number of copies with a few bytes
 * changed. The changes come from a fixed seed, so a failure repeats; its input is named by file,
 * kind and number. What stands behind --whole is run as it is and no other way.
 *
 *   replay_NAME [--mutations N] FOLDER|FILE... [--whole FOLDER|FILE...]
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PREFIXES 512
#define MAX_CHANGED_BYTES 4
#define MAX_PATH_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t n_mutations = 64;
static size_t n_files, n_runs;
static int only_whole;

/* A block of exactly this size, so that a sanitizer sees one byte too far. */
static void run_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        (void)fprintf(stderr, "out of memory for %zu bytes\n", size);
        exit(1);
    }
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    n_runs++;
}

static uint64_t next_random(uint64_t *state)
{
    *state =
        *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth, MMIX */
    return *state >> 33;
}

static void run_mutations(uint8_t *bytes, size_t size)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '{', '"', '%'};
    uint64_t state = size;
    for (size_t n = 0; n < n_mutations && size > 0; n++) {
        size_t at[MAX_CHANGED_BYTES], n_changed = 1 + next_random(&state) % MAX_CHANGED_BYTES;
        uint8_t before[MAX_CHANGED_BYTES];
        for (size_t i = 0; i < n_changed; i++) {
            at[i] = (size_t)(next_random(&state) % size);
            before[i] = bytes[at[i]];
            uint64_t pick = next_random(&state);
            bytes[at[i]] = pick & 1 ? telling[pick / 2 % sizeof telling] : (uint8_t)(pick >> 8);
        }
        run_copy(bytes, size);
        for (size_t i = n_changed; i-- > 0;)
            bytes[at[i]] = before[i];
    }
}

static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(size + 1);
    int failed = !file || !bytes || fread(bytes, 1, size, file) != size;
    if (file)
        (void)fclose(file);
    if (failed) {
        (void)fprintf(stderr, "cannot read %s\n", path);
        free(bytes);
        return 1;
    }
    (void)printf("%s\n", path);
    (void)fflush(stdout); /* the last line names the file when the target crashes */
    run_copy(bytes, size);
    size_t step = size / MAX_PREFIXES + 1;
    for (size_t length = 0; !only_whole && length < size; length += step)
        run_copy(bytes, length);
    if (!only_whole)
        run_mutations(bytes, size);
    free(bytes);
    n_files++;
    return 0;
}

static int replay(const char *path)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        (void)fprintf(stderr, "no corpus at %s\n", path);
        return 1;
    }
    if (!S_ISDIR(facts.st_mode))
        return replay_file(path, (size_t)facts.st_size);
    struct dirent **entries;
    int n_entries = scandir(path, &entries, NULL, alphasort), failed = n_entries < 0;
    for (int i = 0; i < n_entries; i++) {
        char below[MAX_PATH_BYTES];
        int wanted = snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && wanted > 0 && (size_t)wanted < sizeof below)
            failed |= replay(below);
        free(entries[i]);
    }
    if (n_entries >= 0)
        free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutations") == 0 && i + 1 < argc)
            n_mutations = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--whole") == 0)
            only_whole = 1;
        else
            failed |= replay(argv[i]);
    }
    (void)printf("%zu files, %zu runs\n", n_files, n_runs);
    if (n_files == 0)
        (void)fprintf(stderr, "nothing was replayed\n");
    return failed || n_files == 0;
}
