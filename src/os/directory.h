// Names: a directory held open while a name in it changes, and the two ways to give new bytes a
// name.
#pragma once

#include "os/fd.h"
#include "os/file_system.h"

namespace stele::os {

/// A path as an open directory and a name in it.
struct Place {
  Fd directory;
  std::string name;
  std::string path;  // as given, for errors
};

/// Opens the directory a path lies in. `verb` is for the error.
Result<Place> locate(std::string_view verb, const std::string& path);

/// fsync of the directory: names made, moved or removed in it are durable.
Status sync_names(std::string_view verb, const Place& place);

enum class Sync { kYes, kNo };

/// A new file with these bytes under a name of its own (ending in kTemporarySuffix) beside place.
/// Returns the name; if it fails, nothing is left behind.
Result<std::string> write_temporary(std::string_view verb, const Place& place, ByteSpan bytes,
                                    Sync sync);

/// Each gives durable bytes the name place.name in one step: the name appears with all of them or
/// not at all. False: the name is taken. The directory is still to be synced.
///
/// link_anonymous writes a file that has no name until then (O_TMPFILE), so that nothing is left to
/// remove, which an append-only directory would refuse. kUnsupported: the file system has no such
/// files. link_temporary goes by way of a temporary name, which a crash may leave behind.
Result<bool> link_anonymous(std::string_view verb, const Place& place, ByteSpan bytes);
Result<bool> link_temporary(std::string_view verb, const Place& place, ByteSpan bytes);

/// Whether everybody may read what has that name.
bool is_public(const std::string& path);

/// Lets everybody read a file, and nobody but its owner change it (0644).
Status make_public(const std::string& path);

/// A directory in which everybody may reach what they know the name of, and that nobody but its
/// owner may change (0755). One that is there is left as it is, if it is its owner's to change
/// alone.
Status make_public_directory(const std::string& path);

/// A directory that nobody but its owner may look into (0700). One that is there is left as it is,
/// if it is so, and this process's own.
Status make_private_directory(const std::string& path);

/// An open directory, for names in it.
Result<Fd> open_directory(const std::string& path);

/// A regular file of this process's own user in an open directory, to be read; `name` is no path.
/// kPermission: it is another's; kInvalid: it is no regular file, or a symbolic link.
Result<Fd> open_own_file(int directory, const std::string& name);

/// Removes whatever lies in this directory, as far as that can be done.
void empty_directory(const std::string& path);

/// Whether a path lies on a file system of the kernel's for programs of ours (bpffs).
bool is_bpf_file_system(const std::string& path);

/// The uid that a file or directory belongs to.
Result<uint32_t> owner_of(const std::string& path);

/// Nothing has that name. False where it cannot be told.
bool is_surely_absent(const std::string& path);

}  // namespace stele::os
