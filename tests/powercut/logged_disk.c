// logged_disk: a FUSE file system with one file, `disk`, that keeps its bytes in memory and logs
// every write and flush.
//
//   logged_disk LOG BYTES MOUNTPOINT        stays in the foreground; unmount to end it
//
// LOG is a sequence of records: offset u64, size u64 (host byte order), then `size` bytes; offset
// 2^64-1 is a flush. A request is in the log before it is answered: so the order of the log is an
// order the disk could have had, and what was flushed before a flush was answered stands before
// that flush.
#define FUSE_USE_VERSION 312
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static const char kDisk[] = "/disk";
static char* image;
static size_t image_bytes;
static int log_fd;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

// Whole records only: a log that cannot be kept proves nothing.
static void log_record(uint64_t offset, const char* data, size_t size) {
  uint64_t header[2] = {offset, size};
  struct iovec parts[2] = {{header, sizeof header}, {(void*)data, size}};
  if (writev(log_fd, parts, 2) != (ssize_t)(sizeof header + size)) {
    perror("logged_disk: log");
    _exit(1);
  }
}

static int disk_getattr(const char* path, struct stat* st, struct fuse_file_info* file) {
  (void)file;
  memset(st, 0, sizeof *st);
  st->st_nlink = 1;
  if (strcmp(path, "/") == 0) {
    st->st_mode = S_IFDIR | 0755;
    return 0;
  }
  if (strcmp(path, kDisk) != 0) return -ENOENT;
  st->st_mode = S_IFREG | 0600;
  st->st_size = (off_t)image_bytes;
  return 0;
}

static int disk_open(const char* path, struct fuse_file_info* file) {
  (void)file;
  return strcmp(path, kDisk) == 0 ? 0 : -ENOENT;
}

static size_t within(size_t size, off_t offset) {
  if ((size_t)offset >= image_bytes) return 0;
  return size < image_bytes - (size_t)offset ? size : image_bytes - (size_t)offset;
}

static int disk_read(const char* path, char* out, size_t size, off_t offset,
                     struct fuse_file_info* file) {
  (void)path, (void)file;
  size = within(size, offset);
  memcpy(out, image + offset, size);
  return (int)size;
}

static int disk_write(const char* path, const char* data, size_t size, off_t offset,
                      struct fuse_file_info* file) {
  (void)path, (void)file;
  if (within(size, offset) != size) return -ENOSPC;
  pthread_mutex_lock(&mutex);
  memcpy(image + offset, data, size);
  log_record((uint64_t)offset, data, size);
  pthread_mutex_unlock(&mutex);
  return (int)size;
}

static int disk_fsync(const char* path, int data_only, struct fuse_file_info* file) {
  (void)path, (void)data_only, (void)file;
  pthread_mutex_lock(&mutex);
  log_record(UINT64_MAX, NULL, 0);
  pthread_mutex_unlock(&mutex);
  return 0;
}

static int disk_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t offset,
                        struct fuse_file_info* file, enum fuse_readdir_flags flags) {
  (void)path, (void)offset, (void)file, (void)flags;
  fill(buffer, kDisk + 1, NULL, 0, 0);
  return 0;
}

// Holes and discards would be writes that the log does not show.
static int disk_fallocate(const char* path, int mode, off_t offset, off_t size,
                          struct fuse_file_info* file) {
  (void)path, (void)mode, (void)offset, (void)size, (void)file;
  return -EOPNOTSUPP;
}

static const struct fuse_operations kOperations = {.getattr = disk_getattr,
                                                   .open = disk_open,
                                                   .read = disk_read,
                                                   .write = disk_write,
                                                   .fsync = disk_fsync,
                                                   .readdir = disk_readdir,
                                                   .fallocate = disk_fallocate};

int main(int argc, char** argv) {
  if (argc != 4) return fprintf(stderr, "usage: logged_disk LOG BYTES MOUNTPOINT\n"), 64;
  log_fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  image_bytes = strtoull(argv[2], NULL, 10);
  image = calloc(1, image_bytes);
  if (log_fd < 0 || image == NULL) return perror("logged_disk"), 1;
  char* fuse_words[] = {argv[0], "-f", argv[3], NULL};
  return fuse_main(3, fuse_words, &kOperations, NULL);
}
