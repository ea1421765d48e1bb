// SudoNotes: the file in which the agent keeps what a client of sudo's log protocol has said, so
// that its log can be gone on with after either of them died (sudolog/past.h).
#pragma once

#include <memory>

#include "os/file_system.h"
#include "sudolog/past.h"

namespace stele::agent {

/// One session's. Each change is in the file before it is acted upon, and not synced: it has to
/// outlive the agent, not the machine. One thread; what it is given must outlive it.
class SudoNotes {
 public:
  static Result<std::unique_ptr<SudoNotes>> begin(os::FileSystem& files, std::string path,
                                                  const sudolog::Past::Token& token,
                                                  BootTime began);
  /// What they are, for who does not hold the session. kNotFound: there are none.
  static Result<sudolog::Past> read(os::FileSystem& files, const std::string& path);
  static Result<std::unique_ptr<SudoNotes>> open(os::FileSystem& files, std::string path);

  const sudolog::Past& past() const { return past_; }
  Status hear(uint64_t number, const sudolog::Past::Record& record);
  Status type(const sudolog::Past::Typed& typed);
  Status line(const sudolog::Past::Line& line);
  Status tell(const sudolog::Point& point);
  Status go_on(const sudolog::Point& point, uint64_t durable);
  /// Nobody will go on with this log.
  Status remove() { return files_.remove(path_); }

 private:
  SudoNotes(os::FileSystem& files, std::string path, sudolog::Past past)
      : files_(files), path_(std::move(path)), past_(std::move(past)) {}
  Status add(const Bytes& entry);
  Status write_anew();

  os::FileSystem& files_;
  const std::string path_;
  sudolog::Past past_;
  std::unique_ptr<os::File> file_;
  size_t written_ = 0, written_max_ = 0;
};

}  // namespace stele::agent
