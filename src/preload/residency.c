#include "preload/residency.h"

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE_MASK    (RESIDENCY_PAGE_BYTES - 1)
#define PAGE_PRESENT (UINT64_C(1) << 63) /* Documentation/admin-guide/mm/pagemap.rst */

void residency_open(struct residency *residency)
{
    residency->pagemap = -1;
    residency->process = getpid();
    if ((uint64_t)sysconf(_SC_PAGESIZE) == RESIDENCY_PAGE_BYTES) {
        residency->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    }
    residency_forget(residency);
}

void residency_close(struct residency *residency)
{
    if (residency->pagemap >= 0) {
        close(residency->pagemap);
        residency->pagemap = -1;
    }
}

bool residency_is_known(const struct residency *residency)
{
    return residency->pagemap >= 0;
}

void residency_forget(struct residency *residency)
{
    residency->window_pages = 0;
    residency->memory_bytes = 0;
}

/* The entry of the page, or NULL where nothing is known. */
static const uint64_t *entry_of(struct residency *residency, uint64_t address)
{
    uint64_t page = address / RESIDENCY_PAGE_BYTES;
    if (page - residency->window_start >= residency->window_pages) {
        ssize_t got = pread(residency->pagemap, residency->window, sizeof(residency->window),
                            (off_t)(page * sizeof(uint64_t)));
        residency->window_start = page;
        residency->window_pages = got <= 0 ? 0 : (uint64_t)got / sizeof(uint64_t);
    }
    uint64_t at = page - residency->window_start;
    return at < residency->window_pages ? &residency->window[at] : NULL;
}

bool residency_page(struct residency *residency, uint64_t address)
{
    const uint64_t *entry = entry_of(residency, address);
    return entry != NULL && (*entry & PAGE_PRESENT) != 0;
}

uint64_t residency_count(struct residency *residency, uint64_t start, uint64_t limit)
{
    uint64_t bytes = 0;
    for (uint64_t at = start; at < limit;) {
        uint64_t end = (at & ~PAGE_MASK) + RESIDENCY_PAGE_BYTES;
        end = end < limit ? end : limit;
        bytes += residency_page(residency, at) ? end - at : 0;
        at = end;
    }
    return bytes;
}

/*
 * From the page of `address` on, as far as pages are resident: one, and twice as much as before
 * each time that what follows is wanted.
 */
static bool memory_load(struct residency *residency, uint64_t address)
{
    uint64_t start = address & ~PAGE_MASK;
    uint64_t after = residency->memory_start + residency->memory_bytes;
    size_t bytes_max = start == after ? 2 * residency->memory_bytes : RESIDENCY_PAGE_BYTES;
    bytes_max = bytes_max < RESIDENCY_MEMORY_BYTES ? bytes_max : RESIDENCY_MEMORY_BYTES;
    size_t bytes = 0;
    while (bytes < bytes_max && residency_page(residency, start + bytes)) {
        bytes += RESIDENCY_PAGE_BYTES;
    }
    struct iovec into = {.iov_base = residency->memory, .iov_len = bytes};
    struct iovec from = {.iov_base = (void *)(uintptr_t)start, .iov_len = bytes};
    ssize_t got = bytes == 0 ? 0 : process_vm_readv(residency->process, &into, 1, &from, 1, 0);
    residency->memory_start = start;
    residency->memory_bytes = got <= 0 ? 0 : (size_t)got;
    return got > 0;
}

bool residency_read(struct residency *residency, uint64_t address, void *into, size_t bytes)
{
    char *out = into;
    while (bytes > 0) {
        uint64_t at = address - residency->memory_start;
        if (at >= residency->memory_bytes) {
            if (!memory_load(residency, address)) {
                return false;
            }
            at = address - residency->memory_start;
        }
        size_t part = residency->memory_bytes - (size_t)at;
        part = part < bytes ? part : bytes;
        memcpy(out, residency->memory + at, part);
        out += part;
        address += part;
        bytes -= part;
    }
    return true;
}
