#include "agent/sudo_notes.h"

namespace stele::agent {
namespace {

/// The file is written anew when it is this much larger than what is needed of it.
constexpr size_t kSlackBytes = size_t{64} << 10;

}  // namespace

Result<std::unique_ptr<SudoNotes>> SudoNotes::begin(os::FileSystem& files, std::string path,
                                                    const sudolog::Past::Token& token,
                                                    BootTime began) {
  std::unique_ptr<SudoNotes> notes(
      new SudoNotes(files, std::move(path), sudolog::Past(token, began)));
  TRY_VOID(notes->write_anew());
  return notes;
}

Result<sudolog::Past> SudoNotes::read(os::FileSystem& files, const std::string& path) {
  TRY(const Bytes file, files.read(path, sudolog::Past::kFileBytesMax));
  auto past = sudolog::parse_past(file);
  if (!past) return fail(std::move(past).error().within(path));
  return past;
}

Result<std::unique_ptr<SudoNotes>> SudoNotes::open(os::FileSystem& files, std::string path) {
  TRY(auto past, read(files, path));
  std::unique_ptr<SudoNotes> notes(new SudoNotes(files, std::move(path), std::move(past)));
  TRY_VOID(notes->write_anew());
  return notes;
}

Status SudoNotes::write_anew() {
  const Bytes whole = past_.encode();
  file_.reset();
  TRY_VOID(files_.replace_lazily(path_, whole));
  TRY(file_, files_.open_append(path_));
  written_ = whole.size();
  written_max_ = 2 * whole.size() + kSlackBytes;
  return {};
}

Status SudoNotes::add(const Bytes& entry) {
  if (written_ + entry.size() > written_max_) return write_anew();
  written_ += entry.size();
  return file_->append({entry});
}

Status SudoNotes::hear(uint64_t number, const sudolog::Past::Record& record) {
  return add(past_.hear(number, record));
}

Status SudoNotes::type(const sudolog::Past::Typed& typed) { return add(past_.type(typed)); }

Status SudoNotes::line(const sudolog::Past::Line& line) {
  const Bytes entry = past_.line(line);
  return entry.empty() ? Status() : add(entry);
}

Status SudoNotes::tell(const sudolog::Point& point) { return add(past_.tell(point)); }

Status SudoNotes::go_on(const sudolog::Point& point, uint64_t durable) {
  return add(past_.go_on(point, durable));
}

}  // namespace stele::agent
