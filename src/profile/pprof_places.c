#include "profile/pprof_places.h"

#include "profile/pprof_writer.h"
#include "profile/profile.h"

void pprof_places_begin(struct pprof_places *places, uint32_t id_last)
{
    for (uint32_t i = 0; i < places->mapping_count; i++) {
        const struct profile_mapping *mapping = &places->mappings[i];
        struct pprof_mapping written = {
            .id = i + 1,
            .start = mapping->start,
            .limit = mapping->limit,
            .file_offset = mapping->file_offset,
            .file = pprof_write_string(places->writer, mapping->file),
            .build_id = pprof_write_string(places->writer, mapping->build_id),
        };
        pprof_write_mapping(places->writer, &written);
    }
    location_cache_start(places->cache, id_last);
}

/* The last one that begins at or below the address, if it reaches that far. */
uint32_t profile_mapping_of(const struct profile_mapping *mappings, uint32_t count,
                            uint64_t address)
{
    uint32_t below = 0;
    uint32_t end = count;
    while (below < end) {
        uint32_t middle = below + (end - below) / 2;
        if (mappings[middle].start <= address) {
            below = middle + 1;
        } else {
            end = middle;
        }
    }
    return below > 0 && address < mappings[below - 1].limit ? below : 0;
}

uint64_t pprof_places_add(struct pprof_places *places, uint64_t address)
{
    uint32_t id = 0;
    if (location_cache_add(places->cache, address, &id)) {
        struct pprof_location location = {
            .id = id,
            .mapping_id = profile_mapping_of(places->mappings, places->mapping_count, address),
            .address = address,
        };
        pprof_write_location(places->writer, &location);
    }
    return id;
}

void pprof_write_stand_in(struct pprof_writer *writer, uint64_t id, uint64_t name)
{
    struct pprof_function function = {.id = id, .name = name, .system_name = name};
    struct pprof_line line = {.function_id = id};
    struct pprof_location location = {.id = id, .lines = &line, .line_count = 1};
    pprof_write_function(writer, &function);
    pprof_write_location(writer, &location);
}
