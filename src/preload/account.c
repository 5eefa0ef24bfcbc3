#include "preload/account.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/hash.h"
#include "preload/account_tables.h"
#include "preload/blocks.h"
#include "preload/digits.h"
#include "preload/pages.h"
#include "sys/wall_clock.h"

#define COUNTED_PART_MAX (UINT64_C(64) << 30) /* longer ones are 16 million pages and more */
#define NAME_PROBES_MAX  64
#define KIB              1024

static const char own_file_marker = 0; /* the file that holds it is the profiler */

size_t account_bytes(void)
{
    return sizeof(struct account_tables);
}

struct account_tables *account_init(void *block)
{
    struct account_tables *tables = block;
    tables->residency.pagemap = -1;
    return tables;
}

static bool name_is(const struct account_tables *tables, uint32_t name, struct slu_bytes text)
{
    const char *known = tables->names + name;
    return strlen(known) == text.len && memcmp(known, text.data, text.len) == 0;
}

uint32_t account_name_keep(struct account_tables *tables, struct slu_bytes text)
{
    uint64_t slot = hash_bytes(text, 0);
    for (unsigned probe = 0; probe < NAME_PROBES_MAX && text.len > 0; probe++, slot++) {
        uint32_t *place = &tables->name_places[slot % ACCOUNT_NAME_PLACES];
        if (*place != ACCOUNT_NO_NAME && name_is(tables, *place, text)) {
            return *place;
        }
        if (*place == ACCOUNT_NO_NAME && text.len + 1 <= ACCOUNT_NAMES_MAX - tables->names_len) {
            *place = (uint32_t)tables->names_len;
            memcpy(tables->names + *place, text.data, text.len);
            tables->names[*place + text.len] = '\0';
            tables->names_len += text.len + 1;
            return *place;
        }
    }
    return ACCOUNT_NO_NAME;
}

struct account_owner *account_owner(struct owners *owners, uint32_t name)
{
    for (uint32_t i = 0; i < owners->count; i++) {
        if (owners->owners[i].name == name) {
            return &owners->owners[i];
        }
    }
    if (owners->count < owners->max) {
        owners->owners[owners->count++] = (struct account_owner){.name = name};
    }
    return &owners->owners[owners->count - 1];
}

static bool name_begins(struct slu_bytes name, const char *with)
{
    size_t len = strlen(with);
    return name.len >= len && memcmp(name.data, with, len) == 0;
}

static enum area_kind kind_of(const struct smap *smap)
{
    if (smap->name.len == 0) {
        return AREA_UNNAMED;
    }
    if (name_begins(smap->name, "[heap]")) {
        return AREA_HEAP;
    }
    if (name_begins(smap->name, "[stack")) {
        return AREA_STACK;
    }
    if (name_begins(smap->name, "[anon")) {
        return name_begins(smap->name, "[anon: glibc: ") ? AREA_UNNAMED : AREA_NAMED;
    }
    static const char *const shared[] = {"/memfd:", "/dev/zero", "/SYSV", "/dev/shm/"};
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        if (name_begins(smap->name, shared[i])) {
            return AREA_SHARED;
        }
    }
    return AREA_FILE;
}

static void area_keep(struct account_tables *tables, const struct smap *smap)
{
    struct account_totals *totals = &tables->account->totals;
    totals->mapping_count++;
    totals->resident_bytes += smap->rss_bytes;
    totals->anonymous_bytes += smap->anonymous_bytes;
    totals->swapped_bytes += smap->swapped_bytes;
    enum area_kind kind = kind_of(smap);
    *(kind == AREA_SHARED ? &totals->shared_memory_bytes : &totals->file_bytes) +=
        smap->rss_bytes - smap->anonymous_bytes;
    if (tables->area_count == ACCOUNT_AREAS_MAX) {
        tables->account->tables_full = true;
        return;
    }
    tables->areas[tables->area_count++] =
        (struct area){.start = smap->start,
                      .limit = smap->limit,
                      .rss_bytes = smap->rss_bytes,
                      .anonymous_bytes = smap->anonymous_bytes,
                      .name = account_name_keep(tables, smap->name),
                      .kind = (uint8_t)kind,
                      .is_writable = smap->is_writable,
                      .is_executable = smap->is_executable};
}

static int areas_read(struct account_tables *tables)
{
    int file = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return -errno;
    }
    struct smap smap;
    smaps_init(&tables->smaps, lines_read_file, &file, tables->text);
    int got = 0;
    while ((got = smaps_next(&tables->smaps, &smap)) > 0) {
        area_keep(tables, &smap);
    }
    close(file);
    return got;
}

/* "RssAnon:      1234 kB"; 0 if there is none. */
static uint64_t status_figure(const char *text, const char *name)
{
    uint64_t kib = 0;
    const char *at = strstr(text, name);
    if (at != NULL) {
        at += strlen(name);
        (void)digits_read(at + strspn(at, " \t"), &kib); /* or 0 */
    }
    return kib <= UINT64_MAX / KIB ? kib * KIB : 0;
}

static void status_read(struct account_tables *tables)
{
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    long got = lines_read_file(&file, tables->text, sizeof(tables->text) - 1);
    close(file);
    tables->text[got < 0 ? 0 : got] = '\0';
    struct account_totals *totals = &tables->account->totals;
    totals->kernel_anonymous_bytes = status_figure(tables->text, "\nRssAnon:");
    totals->kernel_file_bytes = status_figure(tables->text, "\nRssFile:");
    totals->kernel_shared_bytes = status_figure(tables->text, "\nRssShmem:");
}

struct area *account_area(struct account_tables *tables, uint64_t address)
{
    size_t low = 0;
    size_t high = tables->area_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tables->areas[middle].limit <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < tables->area_count && tables->areas[low].start <= address;
    return found ? &tables->areas[low] : NULL;
}

uint32_t account_claim_after(const struct account_tables *tables, uint64_t address)
{
    uint32_t low = 0;
    uint32_t high = tables->claim_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tables->claims[middle].limit <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void claim_insert(struct account_tables *tables, uint32_t at, struct claim claim)
{
    if (tables->claim_count == ACCOUNT_CLAIMS_MAX) {
        tables->account->tables_full = true;
        return;
    }
    struct claim *place = &tables->claims[at];
    memmove(place + 1, place, (tables->claim_count - at) * sizeof(*place));
    *place = claim;
    tables->claim_count++;
}

void account_claim(struct account_tables *tables, uint64_t start, uint64_t limit,
                   enum claim_kind kind, uint32_t index)
{
    while (start < limit && !tables->account->tables_full) {
        uint32_t at = account_claim_after(tables, start);
        bool is_last = at == tables->claim_count;
        uint64_t end =
            is_last || tables->claims[at].start > limit ? limit : tables->claims[at].start;
        if (end > start) {
            claim_insert(tables, at, (struct claim){start, end, index, (uint8_t)kind});
            at++;
        }
        start = is_last || end == limit ? limit : tables->claims[at].limit;
    }
}

uint64_t account_resident(struct account_tables *tables, const struct area *area, uint64_t start,
                          uint64_t limit)
{
    uint64_t bytes = limit - start;
    uint64_t all = area->limit - area->start;
    if (bytes == all || area->anonymous_bytes == 0) {
        return area->anonymous_bytes;
    }
    if (residency_is_known(&tables->residency) && bytes <= COUNTED_PART_MAX) {
        return residency_count(&tables->residency, start, limit);
    }
    uint64_t pages = area->anonymous_bytes / RESIDENCY_PAGE_BYTES;
    return pages * (bytes / RESIDENCY_PAGE_BYTES) / (all / RESIDENCY_PAGE_BYTES) *
           RESIDENCY_PAGE_BYTES;
}

static void own_claim(struct account_tables *tables)
{
    struct pages_region regions[PAGES_REGIONS_MAX];
    struct blocks_area areas[BLOCKS_AREAS_MAX];
    size_t count = pages_regions(regions);
    for (size_t i = 0; i < count; i++) {
        uint64_t end = regions[i].start + regions[i].bytes + RESIDENCY_PAGE_BYTES - 1;
        end -= end % RESIDENCY_PAGE_BYTES;
        account_claim(tables, regions[i].start, end, CLAIM_PROFILER, 0);
    }
    count = blocks_areas(areas);
    for (size_t i = 0; i < count; i++) {
        account_claim(tables, areas[i].start, areas[i].start + areas[i].bytes,
                      areas[i].is_table ? CLAIM_PROFILER : CLAIM_SAMPLED, 0);
    }
}

static void mapped_claim(struct account_tables *tables)
{
    uint32_t count = (uint32_t)mapped_list(tables->mapped);
    for (uint32_t i = 0; i < count; i++) {
        const struct mapped *entry = &tables->mapped[i];
        bool is_heap = allocator_owns_caller(entry->caller);
        account_claim(tables, entry->start, entry->start + entry->bytes,
                      is_heap ? CLAIM_HEAP : CLAIM_MAPPED, i);
    }
}

/* Everything from before is forgotten, and the tables keep their pages. */
static void tables_begin(struct account_tables *tables, struct account *account)
{
    *account = (struct account){.time_ns = wall_clock_ns()};
    tables->account = account;
    tables->area_count = 0;
    tables->claim_count = 0;
    tables->stack_count = 0;
    tables->hole_count = 0;
    tables->heap_unwalked_bytes = 0;
    tables->names_len = 1;
    memset(tables->name_places, 0, sizeof(tables->name_places));
    struct account_owner *room = tables->owner_room;
    tables->files = (struct owners){room, 0, ACCOUNT_FILES_MAX};
    tables->modules = (struct owners){room + ACCOUNT_FILES_MAX, 0, ACCOUNT_FILES_MAX};
    tables->named = (struct owners){room + 2 * ACCOUNT_FILES_MAX, 0, ACCOUNT_NAMED_MAX};
    tables->shared =
        (struct owners){tables->named.owners + ACCOUNT_NAMED_MAX, 0, ACCOUNT_NAMED_MAX};
}

static void account_finish(const struct account_tables *tables, struct account *account)
{
    uint64_t explained = 0;
    for (size_t i = 0; i < ACCOUNT_TERM_COUNT; i++) {
        explained += account->terms[i];
    }
    uint64_t all = account->totals.anonymous_bytes;
    account->unexplained_bytes = all > explained ? all - explained : 0;
    account->stacks = tables->stacks;
    account->files = tables->files.owners;
    account->named = tables->named.owners;
    account->modules = tables->modules.owners;
    account->shared = tables->shared.owners;
    account->holes = tables->holes;
    account->stack_count = tables->stack_count;
    account->file_count = tables->files.count;
    account->named_count = tables->named.count;
    account->module_count = tables->modules.count;
    account->shared_count = tables->shared.count;
    account->hole_count = tables->hole_count;
    account->names = tables->names;
}

void account_trim(void)
{
    (void)allocator_trim(); /* one that is not known gives nothing back */
    (void)blocks_trim();    /* the account tells how much */
}

int account_take(struct account_tables *tables, const struct account_options *options,
                 struct account *account)
{
    uint64_t begun_ns = slu_clock_monotonic_ns();
    tables_begin(tables, account);
    int err = areas_read(tables);
    if (err != 0) {
        return err;
    }
    /* After the mappings, so that a program that grows has no block in them that is not counted. */
    account->allocator_told = options->asks_allocator && allocator_stats(&account->allocator) == 0;
    status_read(tables);
    tables->walk_end_ns = slu_clock_monotonic_ns() + options->walk_ns;
    const struct area *own = account_area(tables, (uint64_t)(uintptr_t)&own_file_marker);
    tables->own_file = own == NULL || own->kind != AREA_FILE ? UINT32_MAX : own->name;
    residency_open(&tables->residency);
    account->pages_known = residency_is_known(&tables->residency);
    own_claim(tables);
    account_stacks_claim(tables);
    account_arenas_claim(tables);
    mapped_claim(tables);
    account_terms_add(tables);
    residency_close(&tables->residency);
    account_finish(tables, account);
    account->took_ns = slu_clock_monotonic_ns() - begun_ns;
    return 0;
}
