// The replay viewer: which reel is open, at which turn, and the controls. A reel is unpacked when it is opened.

class Viewer {
  constructor(data) {
    this.data = data;
    this.painters = new Map(); // by book
    this.turns = [];
    this.turn = this.chosen = 0;
    this.playing = null;
    this.context = byId("frame").getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
    this.addControls();
    byId("shelf").append(...data.shelves.map((shelf, place) => element("option", { value: place }, shelf.title)));
  }

  get book() { return this.data.books[this.reel.book]; }

  async openShelf(place, reel = 0) {
    this.shelf = place;
    byId("shelf").value = place;
    byId("reel").replaceChildren(...this.data.shelves[place].reels.map((one, number) => element("option", { value: number },
      `${one.title} · ${one.num_answers > 1 ? `mean GR ${signed(one.reward, 2)}` : `GR ${signed(one.reward)}`}${one.score ? ` · score ${one.score.toLocaleString("en")}` : ""}`)));
    await this.open(reel);
  }

  async open(number) {
    const reels = this.data.shelves[this.shelf].reels;
    this.number = (number + reels.length) % reels.length;
    const reel = reels[this.number];
    const turns = await unpacked(document.querySelectorAll("script.packet")[reel.packet].textContent);
    if (!this.painters.has(reel.book)) this.painters.set(reel.book, await Painter.of(this.data.books[reel.book]));
    Object.assign(this, { reel, turns });
    this.painter = this.painters.get(reel.book);
    const { width, height } = this.painter.layout;
    Object.assign(byId("frame"), { width, height });
    byId("screen").style.setProperty("--shape", `${width} / ${height}`);
    byId("screen").classList.toggle("tiny", width < 400); // shown larger than it is: square pixels, not a blur
    byId("reel").value = this.number;
    byId("turn").max = turns.length - 1;
    byId("viewer").classList.toggle("single", turns.length === 1);
    byId("strip").setAttribute("viewBox", `0 0 ${turns.length} 2`);
    byId("strip").replaceChildren(...turns.flatMap(stripe));
    this.seek(0);
  }

  seek(turn) {
    this.turn = Math.min(Math.max(turn, 0), this.turns.length - 1);
    this.chosen = this.turns[this.turn].taken;
    this.show();
  }

  choose(place) {
    this.chosen = place;
    this.show();
    byId("siblings").querySelectorAll("button")[place].focus({ preventScroll: true });
  }

  show() {
    const turn = this.turns[this.turn], shown = turn.tries[this.chosen];
    this.context.putImageData(this.painter.paint(turn.frame), 0, 0);
    drawMarks(byId("marks"), this.book.layout, turn, shown);
    byId("turn").value = this.turn;
    byId("turn").setAttribute("aria-valuetext", `turn ${this.turn + 1} of ${this.turns.length}`);
    byId("count").textContent = `${this.turn + 1} / ${this.turns.length}`;
    byId("facts").replaceChildren(...facts(turn, shown));
    byId("seen").replaceChildren(perception(this.book, turn, shown));
    byId("seen-note").textContent = Array.isArray(shown.wrong) ? (shown.wrong.length ? `${shown.wrong.length} of ${turn.cells.length} cells misread` : "every cell as it is") : "";
    byId("reason").textContent = part(shown.text, "think") || (shown.text === null ? "This player gives no reasons." : "No reasoning was found in the answer.");
    byId("why").textContent = turn.why;
    byId("whole").textContent = shown.text ?? "";
    byId("whole").parentElement.hidden = shown.text === null;
    byId("siblings").hidden = turn.tries.length < 2;
    byId("siblings").lastElementChild.replaceChildren(...(turn.tries.length > 1 ? [siblings(turn, this.chosen, (place) => this.choose(place))] : []));
  }

  play(start = this.playing === null) {
    clearInterval(this.playing);
    this.playing = null;
    if (start && this.turns.length > 1) {
      if (this.turn === this.turns.length - 1) this.seek(0);
      this.playing = setInterval(() => {
        if (this.turn < this.turns.length - 1) this.seek(this.turn + 1);
        else this.play(false);
      }, 1000 / Number(byId("speed").value));
    }
    byId("viewer").classList.toggle("playing", this.playing !== null);
    byId("play").setAttribute("aria-label", this.playing === null ? "Play" : "Pause");
  }

  addControls() {
    const step = (by) => () => { this.play(false); this.seek(this.turn + by); };
    const actions = {
      first: step(-Infinity), back: step(-1), play: () => this.play(), next: step(1), last: step(Infinity),
      "reel-back": () => this.open(this.number - 1), "reel-next": () => this.open(this.number + 1),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
    byId("turn").addEventListener("input", (event) => { this.play(false); this.seek(Number(event.target.value)); });
    byId("shelf").addEventListener("change", (event) => { this.play(false); this.openShelf(Number(event.target.value)); });
    byId("reel").addEventListener("change", (event) => { this.play(false); this.open(Number(event.target.value)); });
    byId("speed").addEventListener("change", () => this.playing !== null && this.play(true));
    for (const box of document.querySelectorAll("#layers input")) {
      box.addEventListener("change", () => byId("marks").classList.toggle(`no-${box.value}`, !box.checked));
    }
    const keys = {
      ArrowLeft: actions.back, ArrowRight: actions.next, Home: actions.first, End: actions.last, " ": actions.play,
      "[": actions["reel-back"], "]": actions["reel-next"],
    };
    let visible = false;
    new IntersectionObserver(([entry]) => { visible = entry.isIntersecting; }).observe(byId("screen"));
    document.addEventListener("keydown", (event) => {
      const elsewhere = event.target.closest("select, button, summary, input:not(#turn)") && (event.key === " " || event.target.closest("select"));
      if (!visible || elsewhere || event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}

// One column of the timeline: the reward of what was played, and below it whether the board was read as it is.
function stripe(turn, place) {
  const { reward, wrong } = turn.tries[turn.taken];
  const rect = (y, kind) => element("rect", { x: place, y, width: 1, height: 1, class: kind });
  return [rect(0, reward.GR > 0 ? "good" : reward.GR < 0 ? "bad" : ""), rect(1, wrong === null ? "" : wrong.length ? "misread" : "exact")];
}

async function unpacked(base64) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

if (byId("viewer")) {
  globalThis.viewer = new Viewer(JSON.parse(byId("data").textContent));
  globalThis.ready = globalThis.viewer.openShelf(0).catch((error) => {
    byId("seen-note").textContent = `This browser cannot show replays: ${error.message}`;
    throw error;
  });
}
