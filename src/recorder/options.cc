#include "recorder/options.h"

namespace stele::recorder {

Result<Options> parse_options(const std::vector<std::string>& arguments, bool is_trusted) {
  Options options;
  size_t i = 0;
  for (; i < arguments.size() && arguments[i].starts_with('-'); ++i) {
    const std::string& name = arguments[i];
    if (name == "--") {
      ++i;
      break;
    }
    if (name != "--title" && name != "--input" && name != "--break-glass" && name != "--socket")
      return fail(Code::kInvalid, name + "? " + kUsage);
    if (++i == arguments.size()) return fail(Code::kInvalid, name + " of what? " + kUsage);
    const std::string& value = arguments[i];
    if (name == "--title") {
      options.title = value;
    } else if (name == "--input") {
      const auto policy = event::parse_input_policy(value);
      if (!policy) return fail(Code::kInvalid, "--input: all, redact or none, not " + value);
      options.input_policy = *policy;
    } else if (name == "--break-glass") {
      if (value.empty()) return fail(Code::kInvalid, "--break-glass: say why");
      options.break_glass = value;
    } else if (is_trusted) {
      return fail(Code::kPermission, "--socket: on this host sessions go to " +
                                         std::string(kAgentSocket) + " and nowhere else");
    } else {
      options.socket = value;
    }
  }
  options.command.assign(arguments.begin() + static_cast<ptrdiff_t>(i), arguments.end());
  return options;
}

}  // namespace stele::recorder
