// What an SFTP client asked for and was not answered yet, and the files that it has open.
//
// Invariants:
// - a request is there from when it passed until its answer has passed;
// - a file is there from the HANDLE that named it to the answer to its CLOSE.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "transfer/content.h"

namespace stele::transfer {

/// draft-ietf-secsh-filexfer-02, section 3.
enum class Sftp : uint8_t {
  kInit = 1,
  kVersion = 2,
  kOpen = 3,
  kClose = 4,
  kRead = 5,
  kWrite = 6,
  kLstat = 7,
  kFstat = 8,
  kSetstat = 9,
  kFsetstat = 10,
  kOpendir = 11,
  kReaddir = 12,
  kRemove = 13,
  kMkdir = 14,
  kRmdir = 15,
  kRealpath = 16,
  kStat = 17,
  kRename = 18,
  kReadlink = 19,
  kSymlink = 20,
  kStatus = 101,
  kHandle = 102,
  kData = 103,
  kName = 104,
  kAttrs = 105,
  kExtended = 200,
  kExtendedReply = 201
};

inline constexpr size_t kSftpRequestsMax = 4096, kSftpFilesMax = 512;
inline constexpr size_t kSftpHandleBytesMax = 256, kSftpNameBytesMax = 4096;
inline constexpr size_t kSftpNamesBytesMax = size_t{256} << 10;  // of all requests together

struct SftpRequest {
  Sftp type = Sftp::kInit;
  std::string handle;            // that it is about
  uint64_t offset = 0;           // of a read
  uint32_t length = 0;           // likewise
  uint32_t flags = 0;            // of an open
  bool completes = false;        // fsetstat: to the size that passed
  std::optional<uint64_t> size;  // fsetstat
  /// What is said of it once it is answered; of an open, of the file. Without a name: nothing.
  event::Transfer transfer;
};

struct SftpFile {
  event::Transfer transfer;
  bool is_directory = false, is_closing = false;
  bool reads = false, writes = false, appends = false;
  Content to_host, from_host;
  size_t unanswered = 0;  // writes

  /// What is said of it when it is over, for `why` if it did not end as it should.
  std::vector<event::Transfer> told(const std::string& why, uint64_t error) const;
};

class SftpState {
 public:
  /// kCorrupt: the protocol does not allow it, here and now. kLimit: too much is under way.
  Status ask(uint32_t id, SftpRequest request);
  /// The request that an answer belongs to; it is under way no more.
  Result<SftpRequest> answered(uint32_t id);
  const SftpRequest* find(uint32_t id) const;
  Status open(const std::string& handle, const SftpRequest& request);
  /// nullptr: it is not open, or on its way to be closed.
  SftpFile* file(const std::string& handle);
  SftpFile* file_or_closing(const std::string& handle);
  void erase(const std::string& handle) { files_.erase(handle); }
  /// What is said of all that is under way, when nothing more of it will be known.
  std::vector<event::Transfer> take_all(const std::string& why);

 private:
  std::map<uint32_t, SftpRequest> requests_;
  std::map<std::string, SftpFile> files_;
  size_t name_bytes_ = 0;
};

}  // namespace stele::transfer
