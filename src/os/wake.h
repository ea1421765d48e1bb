// Wakes a thread that waits for descriptors.
#pragma once

#include "base/result.h"
#include "os/fd.h"

namespace stele::os {

/// Any thread calls wake(); fd() is readable then, until clear(). An eventfd.
class Wake {
 public:
  static Result<Wake> make();
  void wake() const;
  void clear() const;
  int fd() const { return fd_.get(); }

 private:
  explicit Wake(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace stele::os
