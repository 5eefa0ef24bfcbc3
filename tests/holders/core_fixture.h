/*
 * A core of a program that does not exist, small enough to be looked at: one thread; a page with
 * glibc's main arena, whose bins are empty, and a variable; and a heap of four blocks and a top.
 */
#ifndef TESTS_HOLDERS_CORE_FIXTURE_H
#define TESTS_HOLDERS_CORE_FIXTURE_H

#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/user.h>

#define FIXTURE_DATA        UINT64_C(0x555555558000)
#define FIXTURE_HEAP        UINT64_C(0x555555560000)
#define FIXTURE_PAGE        4096
#define FIXTURE_STATUS      336 /* bytes of struct elf_prstatus */
#define FIXTURE_NOTE        (sizeof(Elf64_Nhdr) + 8 + FIXTURE_STATUS)
#define FIXTURE_HEADERS     (sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr))
#define FIXTURE_BYTES       (FIXTURE_HEADERS + FIXTURE_NOTE + 2 * FIXTURE_PAGE)
#define FIXTURE_NOTE_OFFSET FIXTURE_HEADERS
#define FIXTURE_DATA_OFFSET (FIXTURE_HEADERS + FIXTURE_NOTE)
#define FIXTURE_HEAP_OFFSET (FIXTURE_DATA_OFFSET + FIXTURE_PAGE)
#define FIXTURE_ARENA       (FIXTURE_DATA + 0x100)
#define FIXTURE_VARIABLE    (FIXTURE_DATA + 0xf00)
#define FIXTURE_BLOCKS      4
#define FIXTURE_CHUNK       0x30

static inline void fixture_word(unsigned char *core, uint64_t address, uint64_t word)
{
    uint64_t offset = address >= FIXTURE_HEAP ? address - FIXTURE_HEAP + FIXTURE_HEAP_OFFSET
                                              : address - FIXTURE_DATA + FIXTURE_DATA_OFFSET;
    memcpy(core + offset, &word, sizeof(word));
}

static inline void fixture_headers(unsigned char *core)
{
    Elf64_Ehdr header = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(Elf64_Ehdr),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 3,
    };
    Elf64_Phdr segments[3] = {
        {.p_type = PT_NOTE, .p_offset = FIXTURE_NOTE_OFFSET, .p_filesz = FIXTURE_NOTE},
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_W,
         .p_offset = FIXTURE_DATA_OFFSET,
         .p_vaddr = FIXTURE_DATA,
         .p_filesz = FIXTURE_PAGE,
         .p_memsz = FIXTURE_PAGE},
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_W,
         .p_offset = FIXTURE_HEAP_OFFSET,
         .p_vaddr = FIXTURE_HEAP,
         .p_filesz = FIXTURE_PAGE,
         .p_memsz = FIXTURE_PAGE},
    };
    Elf64_Nhdr note = {.n_namesz = 5, .n_descsz = FIXTURE_STATUS, .n_type = NT_PRSTATUS};
    uint32_t thread = 4711;
    memcpy(core, &header, sizeof(header));
    memcpy(core + sizeof(header), segments, sizeof(segments));
    memcpy(core + FIXTURE_NOTE_OFFSET, &note, sizeof(note));
    memcpy(core + FIXTURE_NOTE_OFFSET + sizeof(note), "CORE", 5);
    memcpy(core + FIXTURE_NOTE_OFFSET + sizeof(note) + 8 + 32, &thread, sizeof(thread));
}

/* The variable holds block 0, block 0 block 1; block 2 and 3 are leaked, and 2 holds 3. */
static inline void fixture_heap(unsigned char *core)
{
    uint64_t top = FIXTURE_HEAP + FIXTURE_BLOCKS * FIXTURE_CHUNK;
    for (uint64_t bin = FIXTURE_ARENA + 0x70; bin < FIXTURE_ARENA + 0x860; bin += 16) {
        fixture_word(core, bin, bin - 16);
        fixture_word(core, bin + 8, bin - 16);
    }
    fixture_word(core, FIXTURE_ARENA + 0x60, top);
    fixture_word(core, FIXTURE_ARENA + 0x870, FIXTURE_ARENA);
    fixture_word(core, FIXTURE_ARENA + 0x888, FIXTURE_PAGE);
    fixture_word(core, FIXTURE_ARENA + 0x890, FIXTURE_PAGE);
    for (uint64_t i = 0; i < FIXTURE_BLOCKS; i++) {
        fixture_word(core, FIXTURE_HEAP + i * FIXTURE_CHUNK + 8, FIXTURE_CHUNK | 1);
    }
    fixture_word(core, top + 8, (FIXTURE_PAGE - FIXTURE_BLOCKS * FIXTURE_CHUNK) | 1);
    fixture_word(core, FIXTURE_VARIABLE, FIXTURE_HEAP + 16);
    fixture_word(core, FIXTURE_HEAP + 16, FIXTURE_HEAP + FIXTURE_CHUNK + 16);
    fixture_word(core, FIXTURE_HEAP + 2 * FIXTURE_CHUNK + 24,
                 FIXTURE_HEAP + 3 * FIXTURE_CHUNK + 16);
}

/* `core` has FIXTURE_BYTES. */
static inline void fixture_build(unsigned char *core)
{
    memset(core, 0, FIXTURE_BYTES);
    fixture_headers(core);
    fixture_heap(core);
}

#endif
