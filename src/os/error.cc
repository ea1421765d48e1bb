#include "os/error.h"

namespace stele::os {

Code code_of(int sys_errno) {
  switch (sys_errno) {
    case ENOENT:
      return Code::kNotFound;
    case EEXIST:
      return Code::kExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermission;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::kNoSpace;  // EFBIG: the file size a process is allowed (RLIMIT_FSIZE)
    case EWOULDBLOCK:
      return Code::kBusy;
    case EOPNOTSUPP:
    case ENOTTY:
    case ENOSYS:
      return Code::kUnsupported;
    case EINVAL:
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return Code::kInvalid;
    case EMFILE:
    case ENFILE:
      return Code::kLimit;
    default:
      return Code::kIo;
  }
}

tl::unexpected<Error> fail_errno(std::string_view verb, std::string_view subject, int sys_errno) {
  std::string context(verb);
  return fail(code_of(sys_errno), context.append(" ").append(subject), sys_errno);
}

}  // namespace stele::os
