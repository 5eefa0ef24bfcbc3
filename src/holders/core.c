/*
 * An ELF core of x86-64:
 *
 *     Elf64_Ehdr   e_type ET_CORE, e_machine EM_X86_64; e_phnum, or PN_XNUM: sh_info of section 0
 *     Elf64_Phdr   PT_NOTE: the notes; PT_LOAD: a mapping, of which p_filesz bytes are stored
 *
 * and in the notes, each 12 bytes of lengths and type, the name and the content, both padded to 4:
 *
 *     NT_PRSTATUS  a thread: 32 its id, 112 its registers as in struct user_regs_struct
 *     NT_FILE      count, page size; count times start, end, offset in pages; count paths
 *     NT_PRPSINFO  24 the id of the process
 *
 * Source  gABI; Linux, fs/binfmt_elf.c
 */
#include "holders/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/bytes.h>

#include "base/diag.h"
#include "holders/image.h"
#include "holders/registers.h"

#define HEADERS_MAX      ((uint64_t)1 << 20)
#define NOTES_BYTES_MAX  ((uint64_t)256 << 20)
#define NOTE_ALIGN       4
#define THREADS_MAX      65536
#define STATUS_ID        32
#define STATUS_REGISTERS 112
#define INFO_ID          24

struct note {
    uint32_t type;
    const unsigned char *bytes;
    size_t len;
    uint64_t offset; /* in the file */
};

static uint64_t word_of(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

static int stored_read(int fd, uint64_t offset, void *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, (unsigned char *)bytes + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -errno : -EFAULT;
        }
        done += (size_t)got;
    }
    return 0;
}

static int core_read(struct image *image, const struct image_region *region, uint64_t address,
                     void *bytes, size_t len)
{
    return stored_read(image->fd, region->stored_offset + (address - region->start), bytes, len);
}

static int header_read(struct image *image, Elf64_Ehdr *header, struct slu_diag *diag)
{
    if (image->size_bytes < sizeof(*header) ||
        stored_read(image->fd, 0, header, sizeof(*header)) != 0 ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return diag_fail(diag, -EBADMSG, "it is no ELF file");
    }
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != EM_X86_64) {
        return diag_fail(diag, -EBADMSG, "it is of another machine than x86-64");
    }
    if (header->e_type != ET_CORE) {
        return diag_fail(diag, -EBADMSG, "it is an ELF file, and no core");
    }
    if (header->e_phentsize != sizeof(Elf64_Phdr)) {
        return diag_fail(diag, -EBADMSG, "offset 54: program headers of %u bytes",
                         header->e_phentsize);
    }
    return 0;
}

static int header_count(struct image *image, const Elf64_Ehdr *header, uint64_t *count,
                        struct slu_diag *diag)
{
    Elf64_Shdr first;
    *count = header->e_phnum;
    if (header->e_phnum == PN_XNUM) {
        if (header->e_shoff > image->size_bytes ||
            image->size_bytes - header->e_shoff < sizeof(first) ||
            stored_read(image->fd, header->e_shoff, &first, sizeof(first)) != 0) {
            return diag_fail(diag, -EBADMSG, "offset %llu: cut off in its section header",
                             (unsigned long long)header->e_shoff);
        }
        *count = first.sh_info;
    }
    if (*count > HEADERS_MAX) {
        return diag_fail(diag, -EBADMSG, "it has %llu program headers", (unsigned long long)*count);
    }
    return 0;
}

static int load_add(struct image *image, const Elf64_Phdr *header, uint64_t at,
                    struct slu_diag *diag)
{
    if (header->p_memsz > UINT64_MAX - header->p_vaddr || header->p_filesz > header->p_memsz ||
        header->p_filesz > INT64_MAX || header->p_offset > INT64_MAX - header->p_filesz) {
        return diag_fail(diag, -EBADMSG, "offset %llu: a mapping at 0x%llx that cannot be",
                         (unsigned long long)at, (unsigned long long)header->p_vaddr);
    }
    if (header->p_memsz == 0) {
        return 0;
    }
    uint64_t there =
        header->p_offset < image->size_bytes ? image->size_bytes - header->p_offset : 0;
    struct image_region region = {
        .start = header->p_vaddr,
        .end = header->p_vaddr + header->p_memsz,
        .stored_bytes = header->p_filesz < there ? header->p_filesz : there,
        .stored_offset = header->p_offset,
        .writable = (header->p_flags & PF_W) != 0,
        .executable = (header->p_flags & PF_X) != 0,
    };
    image->missing_bytes += header->p_filesz - region.stored_bytes;
    return image_add_region(image, &region);
}

static int loads_read(struct image *image, struct slu_bytes headers, uint64_t at,
                      struct slu_diag *diag)
{
    const Elf64_Phdr *header = headers.data;
    for (size_t i = 0; i < headers.len / sizeof(*header); i++) {
        if (header[i].p_type == PT_LOAD) {
            int err = load_add(image, &header[i], at + i * sizeof(*header), diag);
            if (err != 0) {
                return err;
            }
        }
    }
    return image_finish(image, diag);
}

static int thread_read(struct image *image, const struct note *note, struct slu_diag *diag)
{
    struct image_thread thread = {0};
    uint32_t id = 0;
    if (note->len < STATUS_REGISTERS + REGISTERS_BYTES) {
        return diag_fail(diag, -EBADMSG, "offset %llu: a thread's note of %zu bytes",
                         (unsigned long long)note->offset, note->len);
    }
    memcpy(&id, note->bytes + STATUS_ID, sizeof(id));
    thread.id = id;
    registers_read(note->bytes + STATUS_REGISTERS, &thread);
    if (image->threads.len / sizeof(thread) >= THREADS_MAX) {
        return diag_fail(diag, -EBADMSG, "more than %d threads", THREADS_MAX);
    }
    return image_add_thread(image, &thread);
}

static void file_set(struct image *image, uint64_t start, uint64_t end, uint64_t offset,
                     const char *path)
{
    size_t count = image->regions.len / sizeof(struct image_region);
    struct image_region *regions = image->regions.data;
    const struct image_region *first = image_region_at(image, start);
    size_t i = first == NULL ? count : (size_t)(first - regions);
    for (; i < count && regions[i].start < end; i++) {
        regions[i].path = path;
        regions[i].file_offset = offset + (regions[i].start - start);
    }
}

static int files_read(struct image *image, const struct note *note, struct slu_diag *diag)
{
    uint64_t count = note->len >= 16 ? word_of(note->bytes) : 0;
    uint64_t page_bytes = note->len >= 16 ? word_of(note->bytes + 8) : 0;
    if (count > note->len / 24 || 16 + 24 * count > note->len) {
        return diag_fail(diag, -EBADMSG, "offset %llu: a list of %llu files in %zu bytes",
                         (unsigned long long)note->offset, (unsigned long long)count, note->len);
    }
    const unsigned char *path = note->bytes + 16 + 24 * count;
    const unsigned char *end = note->bytes + note->len;
    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *row = note->bytes + 16 + 24 * i;
        const unsigned char *zero = memchr(path, '\0', (size_t)(end - path));
        char *kept = NULL;
        if (zero == NULL) {
            return diag_fail(diag, -EBADMSG, "offset %llu: path %llu has no end",
                             (unsigned long long)note->offset, (unsigned long long)i);
        }
        int err = slu_arena_copy(image->names, path, (size_t)(zero - path), &kept);
        if (err != 0) {
            return diag_fail(diag, err, "no memory for the names of files");
        }
        file_set(image, word_of(row), word_of(row + 8), word_of(row + 16) * page_bytes, kept);
        path = zero + 1;
    }
    return 0;
}

static int note_take(struct image *image, const struct note *note, struct slu_diag *diag)
{
    uint32_t id = 0;
    switch (note->type) {
    case NT_PRSTATUS:
        return thread_read(image, note, diag);
    case NT_FILE:
        return files_read(image, note, diag);
    case NT_PRPSINFO:
        if (note->len >= INFO_ID + sizeof(id)) {
            memcpy(&id, note->bytes + INFO_ID, sizeof(id));
            image->process_id = id;
        }
        return 0;
    default:
        return 0;
    }
}

static uint64_t padded(uint64_t len)
{
    return (len + NOTE_ALIGN - 1) & ~(uint64_t)(NOTE_ALIGN - 1);
}

static int notes_take(struct image *image, const unsigned char *bytes, size_t len, uint64_t offset,
                      struct slu_diag *diag)
{
    size_t at = 0;
    while (len - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr header;
        memcpy(&header, bytes + at, sizeof(header));
        uint64_t content = at + sizeof(header) + padded(header.n_namesz);
        if (content > len || header.n_descsz > len - content) {
            return diag_fail(diag, -EBADMSG, "offset %llu: a note is cut off",
                             (unsigned long long)(offset + at));
        }
        bool is_of_core = header.n_namesz == sizeof("CORE") &&
                          memcmp(bytes + at + sizeof(header), "CORE", sizeof("CORE")) == 0;
        struct note note = {header.n_type, bytes + content, header.n_descsz, offset + at};
        int err = is_of_core ? note_take(image, &note, diag) : 0;
        if (err != 0) {
            return err;
        }
        uint64_t next = content + padded(header.n_descsz);
        if (next >= len) {
            break;
        }
        at = (size_t)next;
    }
    return 0;
}

static int notes_read(struct image *image, const Elf64_Phdr *header, struct slu_diag *diag)
{
    void *bytes = NULL;
    uint64_t len = header->p_filesz;
    if (len == 0) {
        return 0;
    }
    if (header->p_offset > image->size_bytes || len > image->size_bytes - header->p_offset) {
        return diag_fail(diag, -EBADMSG, "offset %llu: cut off in its notes",
                         (unsigned long long)header->p_offset);
    }
    int err = len > NOTES_BYTES_MAX ? -EFBIG : slu_budget_alloc(image->budget, (size_t)len, &bytes);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for %llu bytes of notes", (unsigned long long)len);
    }
    err = stored_read(image->fd, header->p_offset, bytes, (size_t)len);
    err = err != 0 ? diag_fail(diag, err, "cannot read its notes: %s", strerror(-err))
                   : notes_take(image, bytes, (size_t)len, header->p_offset, diag);
    slu_budget_free(image->budget, bytes, (size_t)len);
    return err;
}

static int headers_take(struct image *image, struct slu_bytes headers, uint64_t at,
                        struct slu_diag *diag)
{
    const Elf64_Phdr *header = headers.data;
    int err = loads_read(image, headers, at, diag);
    for (size_t i = 0; err == 0 && i < headers.len / sizeof(*header); i++) {
        if (header[i].p_type == PT_NOTE) {
            err = notes_read(image, &header[i], diag);
        }
    }
    return err;
}

static int core_take(struct image *image, struct slu_diag *diag)
{
    Elf64_Ehdr header;
    uint64_t count = 0;
    void *headers = NULL;
    int err = header_read(image, &header, diag);
    if (err != 0 || (err = header_count(image, &header, &count, diag)) != 0) {
        return err;
    }
    size_t len = (size_t)count * sizeof(Elf64_Phdr);
    if (header.e_phoff > image->size_bytes || len > image->size_bytes - header.e_phoff) {
        return diag_fail(diag, -EBADMSG, "offset %llu: cut off in its program headers",
                         (unsigned long long)header.e_phoff);
    }
    if (len == 0) {
        return diag_fail(diag, -EBADMSG, "it has no program headers");
    }
    err = slu_budget_alloc(image->budget, len, &headers);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for %zu bytes of headers", len);
    }
    err = stored_read(image->fd, header.e_phoff, headers, len);
    err = err != 0 ? diag_fail(diag, err, "cannot read its headers: %s", strerror(-err))
                   : headers_take(image, (struct slu_bytes){headers, len}, header.e_phoff, diag);
    slu_budget_free(image->budget, headers, len);
    return err;
}

int core_open_fd(struct slu_budget *budget, int fd, struct slu_diag *diag, struct image **out)
{
    struct image *image = NULL;
    struct stat status;
    if (fstat(fd, &status) != 0) {
        int err = -errno;
        close(fd);
        return diag_fail(diag, err, "cannot read it: %s", strerror(-err));
    }
    if (S_ISDIR(status.st_mode)) {
        close(fd);
        return diag_fail(diag, -EISDIR, "it is a folder");
    }
    int err = image_create(budget, diag, &image);
    if (err != 0) {
        close(fd);
        return err;
    }
    image->fd = fd;
    image->read = core_read;
    image->size_bytes = (uint64_t)status.st_size;
    err = core_take(image, diag);
    if (err != 0) {
        image_close(&image);
        return err;
    }
    *out = image;
    return 0;
}

int image_open_core(struct slu_budget *budget, const char *path, struct slu_diag *diag,
                    struct image **out)
{
    struct slu_diag reason = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int err = -errno;
        return diag_fail(diag, err, "cannot read %.160s: %s", path, strerror(-err));
    }
    int err = core_open_fd(budget, fd, &reason, out);
    return err == 0 ? 0 : diag_fail(diag, err, "%.100s: %.140s", path, reason.message);
}
