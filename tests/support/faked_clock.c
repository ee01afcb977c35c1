/* Loaded into a process before all else: its wall clock is wrong by the milliseconds that stand in the file FAKED_CLOCK,
 * an int64 that may change at any time. Asks the kernel itself and allocates nothing, because allocators, too, look at the
 * clock (libfaketime can't be loaded into redis-server for that reason). The monotonic clock stays right. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *ahead_ms;

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("FAKED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *ahead_ms, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) ahead_ms = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (failed || !ahead_ms || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
    int64_t ahead = *ahead_ms;
    now->tv_sec += ahead / 1000;
    now->tv_nsec += ahead % 1000 * 1000000;
    if (now->tv_nsec >= 1000000000) now->tv_sec++, now->tv_nsec -= 1000000000;
    if (now->tv_nsec < 0) now->tv_sec--, now->tv_nsec += 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec at;
    int failed = clock_gettime(CLOCK_REALTIME, &at);
    if (!failed) *now = (struct timeval){.tv_sec = at.tv_sec, .tv_usec = at.tv_nsec / 1000};
    return failed;
}

time_t time(time_t *now) {
    struct timespec at = {0};
    clock_gettime(CLOCK_REALTIME, &at);
    if (now) *now = at.tv_sec;
    return at.tv_sec;
}
