// Whatever bytes made a screen, its paint makes it again, passes the neutraliser unchanged, and
// does so on a dirty terminal too; a window of the same size shows its cells, one of any other size
// is harmless.
#include "base/check.h"
#include "base/fuzz.h"
#include "terminal/emulator.h"
#include "terminal/neutralise.h"
#include "terminal/paint.h"
#include "terminal/window.h"

namespace stele::terminal {
namespace {

void check_harmless(std::string_view bytes) {
  Bytes passed;
  Neutraliser().filter(as_bytes(bytes), passed);
  CHECK(as_text(passed) == bytes);
}

void check_windows(const Screen& screen) {
  std::string drawn, part;
  Window(screen.rows(), screen.columns()).draw(screen, drawn);
  check_harmless(drawn);
  Emulator viewer(screen.rows(), screen.columns());
  viewer.write(as_bytes(drawn));
  for (size_t row = 0; row < screen.rows(); ++row)
    CHECK(viewer.screen().grid().line(row).equals(screen.grid().line(row), screen.columns()));
  CHECK(viewer.screen().cursor().row == screen.cursor().row);
  CHECK(viewer.screen().cursor().column == screen.cursor().column);
  Window(1 + screen.rows() / 2, 1 + screen.columns() / 2).draw(screen, part);
  check_harmless(part);
}

}  // namespace
}  // namespace stele::terminal

// The first two bytes are the size.
STELE_FUZZ(terminal_paint, input) {
  using namespace stele;
  using namespace stele::terminal;
  if (input.size() < 2) return;
  const size_t rows = 1 + input[0] % 12, columns = 1 + input[1] % 24;
  const ByteSpan bytes = input.subspan(2);
  Emulator original(rows, columns);
  original.write(bytes);

  const std::string painted = paint(original.screen());
  Emulator fresh(rows, columns);
  fresh.write(as_bytes(painted));
  CHECK(fresh.screen() == original.screen());

  Emulator dirty(rows, columns);
  dirty.write(bytes.first(bytes.size() / 2));
  dirty.write(as_bytes("\x18"));
  dirty.write(as_bytes(painted));
  CHECK(dirty.screen() == original.screen());

  check_harmless(painted);
  check_windows(original.screen());
}
