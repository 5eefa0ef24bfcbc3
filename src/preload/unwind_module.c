#include "preload/unwind_module.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "preload/unwind_cfi.h"

#ifdef __x86_64__

#define HEADER_PAGE_BYTES 4096

/* The program headers, which are in the module's first page; 0 if it does not begin with them. */
static size_t segments_find(const struct dl_find_object *module, const ElfW(Phdr) * *segments)
{
    uintptr_t start = (uintptr_t)module->dlfo_map_start & ~(uintptr_t)(HEADER_PAGE_BYTES - 1);
    const ElfW(Ehdr) *header = (const void *)start;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff > HEADER_PAGE_BYTES ||
        header->e_phoff % _Alignof(ElfW(Phdr)) != 0 ||
        header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > HEADER_PAGE_BYTES) {
        return 0;
    }
    *segments = (const void *)(start + header->e_phoff);
    return header->e_phnum;
}

/* The readable segment that holds `address`; empty if there is none. */
static struct cfi_image image_find(const struct dl_find_object *module, uintptr_t address)
{
    const ElfW(Phdr) *segments = NULL;
    size_t count = segments_find(module, &segments);
    for (size_t i = 0; i < count; i++) {
        uintptr_t start = module->dlfo_link_map->l_addr + segments[i].p_vaddr;
        if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_R) != 0 &&
            address - start < segments[i].p_filesz) {
            return (struct cfi_image){
                .start = (const uint8_t *)start,
                .end = (const uint8_t *)(start + segments[i].p_filesz),
            };
        }
    }
    return (struct cfi_image){.start = NULL};
}

int unwind_module_rule(uintptr_t address, unwind_rule *rule)
{
    struct dl_find_object module;
    if (_dl_find_object((void *)address, &module) != 0) {
        return -ENOENT;
    }
    struct cfi_image image = image_find(&module, (uintptr_t)module.dlfo_eh_frame);
    *rule = cfi_rule(&image, module.dlfo_eh_frame, address);
    return 0;
}

#else

int unwind_module_rule(uintptr_t address, unwind_rule *rule)
{
    (void)address;
    (void)rule;
    return -ENOENT;
}

#endif
