#define _GNU_SOURCE
#include "base/cpu.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

/*
 * Tiles are registers that Linux saves only for those who ask, once for all threads; it refuses
 * where the processor has none.
 */
static bool has_amx(void)
{
    enum { LEAF = 7, BF16 = 1 << 22, TILE = 1 << 24 };
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* arch/x86 uapi prctl.h, XCR0 */
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid_count(LEAF, 0, &eax, &ebx, &ecx, &edx) || ~edx & (BF16 | TILE))
        return false;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

/* __builtin_cpu_supports also asks XGETBV whether the operating system saves the registers. */
static uint32_t detect(void)
{
    uint32_t features = 0;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c())
        features |= INK_CPU_AVX2;
    if (features && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vnni"))
        features |= INK_CPU_AVX512;
    if (features == INK_CPU_AVX512 && __builtin_cpu_supports("avx512vbmi"))
        features |= INK_CPU_AVX512VBMI;
    if (features == INK_CPU_AVX512VBMI && __builtin_cpu_supports("avx512bf16"))
        features |= INK_CPU_AVX512BF16;
    if (features == INK_CPU_AVX512BF16 && has_amx())
        features |= INK_CPU_AMX;
    return features;
}

#elif defined(__aarch64__)

static uint32_t detect(void)
{
    enum { HWCAP_ASIMDDP_BIT = 20, HWCAP2_I8MM_BIT = 13 }; /* Linux, arch/arm64 uapi hwcap.h */
    uint32_t features = INK_CPU_NEON;
    if (getauxval(AT_HWCAP) >> HWCAP_ASIMDDP_BIT & 1)
        features |= INK_CPU_DOTPROD;
    if ((features & INK_CPU_DOTPROD) == INK_CPU_DOTPROD &&
        getauxval(AT_HWCAP2) >> HWCAP2_I8MM_BIT & 1)
        features |= INK_CPU_I8MM;
    return features;
}

#else

static uint32_t detect(void)
{
    return INK_CPU_C;
}

#endif

typedef struct cpu_row {
    const char *name;
    uint32_t features;
} cpu_row;

static const cpu_row rows[] = {
#define X(name, NAME, features) {#name, features},
    INK_CPU_TABLE(X)
#undef X
};

uint32_t ink_cpu_features(void)
{
    return detect();
}

ink_status ink_cpu_select(uint32_t *features, ink_error *error)
{
    uint32_t found = detect();
    const char *wanted = getenv("INK_CPU");
    if (!wanted || !*wanted) {
        *features = found;
        return INK_OK;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, wanted) != 0)
            continue;
        if (rows[i].features & ~found)
            return ink_fail(error, INK_BAD_ARGUMENT, 0, "INK_CPU=%s: this processor has %s at most",
                            wanted, ink_cpu_name(found));
        *features = rows[i].features;
        return INK_OK;
    }
#define X(name, NAME, features) " " #name
    return ink_fail(error, INK_BAD_ARGUMENT, 0, "INK_CPU=%s: unknown; use one of" INK_CPU_TABLE(X),
                    wanted);
#undef X
}

const char *ink_cpu_name(uint32_t features)
{
    const char *name = rows[0].name;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((rows[i].features & ~features) == 0)
            name = rows[i].name;
    return name;
}

int ink_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}
