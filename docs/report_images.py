"""Draw docs/images/report*.png: a report as a browser shows it, for the documentation and for looking at.

    g1 report runs/nano-2048 EVALUATION... --out report.html
    python docs/report_images.py report.html [part of a player's title]

The desktop by day, a phone by night, and the viewer at an answer that misread the board, if there is one.
"""

import io
import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.browser import Page, open_page

IMAGES = Path(__file__).parent / "images"
NUM_COLOURS = 256  # make a file a third as large, and no difference that one sees
MISREAD = """(async () => {
  const misread = (one) => Array.isArray(one.wrong) && one.wrong.length && one.wrong.length < 4;
  const compared = (tries) => tries.length === 1 || tries.some((one) => one.advantage);
  const telling = (turn) => turn.tries.some(misread) && compared(turn.tries);
  for (const [place, shelf] of viewer.data.shelves.entries()) {
    for (let number = 0; shelf.title.includes(WANTED) && number < shelf.reels.length; number++) {
      await viewer.openShelf(place, number);
      const found = viewer.turns.findIndex(telling);
      if (found < 0) continue;
      viewer.seek(found);
      viewer.chosen = viewer.turns[found].tries.findIndex(misread);
      return viewer.show();
    }
  }
})()"""


def save(page: Page, name: str, selector: str | None = None) -> None:
    """One picture, small."""
    path = IMAGES / name
    page.screenshot(path, selector)
    picture = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
    picture.quantize(NUM_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


def main() -> None:
    report, wanted = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    with open_page(report, 1280, 1500) as page:
        save(page, "report.png")
        page.evaluate(MISREAD.replace("WANTED", repr(wanted)))
        save(page, "report-viewer.png", "#viewer")
    with open_page(report, 375, 1500, dark=True, phone=True, scale=1.5) as page:
        page.evaluate(MISREAD.replace("WANTED", repr(wanted)))
        page.evaluate("document.querySelector('#replays').scrollIntoView({behavior: 'instant'})")
        save(page, "report-phone.png")


if __name__ == "__main__":
    main()
