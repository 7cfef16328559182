// One turn on the page: marks over the frame, what was seen, said and done, and the siblings of a group.
// Texts come from models: they only ever become text nodes.

const byId = (id) => document.getElementById(id);

// element("td", { class: "wrong" }, "text", otherElement); a null child is left out.
function element(tag, attributes = {}, ...children) {
  const svg = ["svg", "rect", "line", "path", "g", "title"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const signed = (value, digits = 0) => (value > 0 ? "+" : value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(digits);
const DIRECTIONS = { up: [0, -1], right: [1, 0], down: [0, 1], left: [-1, 0] };

// ---- marks: an SVG in the frame's own pixels lies over the canvas, whose pixels stay as they are

function drawMarks(svg, layout, turn, shown) {
  const board = layout.grids[0];
  const unit = layout.width / 200;
  const wrong = Array.isArray(shown.wrong) ? shown.wrong.map(([cell]) => cell) : [];
  svg.setAttribute("viewBox", `0 0 ${layout.width} ${layout.height}`);
  svg.replaceChildren(
    ...wrong.map((cell) => cellMark(board, Math.floor(cell / board.cols), cell % board.cols, unit, "misread", 0.5)),
    ...actionMarks(board, turn.oracle, unit, "oracle", 3.2),
    ...actionMarks(board, shown.action, unit, "answer", 1.2),
  );
}

function cellMark(board, row, col, unit, kind, inset) {
  const gap = inset * unit;
  return element("rect", {
    class: `mark ${kind}`, x: board.left + col * board.width + gap, y: board.top + row * board.height + gap,
    width: board.width - 2 * gap, height: board.height - 2 * gap, rx: 2 * unit, "stroke-width": 1.6 * unit,
  });
}

// Cells that an action names are outlined, a direction is an arrow across the board.
function actionMarks(board, action, unit, kind, inset) {
  const cells = [...action.matchAll(/\((\d+), (\d+)\)/g)].map((found) => [Number(found[1]), Number(found[2])]);
  const marks = cells.map(([row, col]) => cellMark(board, row, col, unit, kind, inset));
  return action in DIRECTIONS ? [arrow(board, DIRECTIONS[action], unit, kind, inset)] : marks;
}

function arrow(board, [x, y], unit, kind, inset) {
  const width = board.cols * board.width, height = board.rows * board.height;
  const side = (inset - 2.2) * 5 * unit; // answer and oracle run side by side on the same axis
  const [middleX, middleY] = [board.left + width / 2 + Math.abs(y) * side, board.top + height / 2 + Math.abs(x) * side];
  const reach = 0.3 * (x ? width : height), head = 9 * unit;
  const [tipX, tipY] = [middleX + x * reach, middleY + y * reach];
  const path = `M${middleX - x * reach} ${middleY - y * reach}L${tipX} ${tipY}`
    + `M${tipX - x * head - y * head} ${tipY - y * head - x * head}L${tipX} ${tipY}`
    + `L${tipX - x * head + y * head} ${tipY - y * head + x * head}`;
  return element("g", {}, element("path", { class: "halo", d: path, "stroke-width": 7 * unit }),
    element("path", { class: `mark ${kind}`, d: path, "stroke-width": 4 * unit }));
}

// ---- facts: what was answered, what the oracle would have done, and what it was worth

function facts(turn, shown) {
  const same = shown.action !== "" && shown.action === turn.oracle;
  const rows = [
    ["Answer", element("b", { class: "key answer" }, shown.action || "unreadable"), shown.legal ? null : chip("illegal", "bad"), shown.cut ? chip("cut off", "bad") : null],
    ["Oracle", element("b", { class: "key oracle" }, turn.oracle || "none left"), same ? chip("the same", "good") : null],
    ["Reward", ...Object.entries(shown.reward).map(([name, value]) => chip(`${name} ${paid(name, value)}`, value > 0 ? "good" : value < 0 ? "bad" : ""))],
    ["Regret", shown.regret === null ? "not known in this game" : String(shown.regret), shown.regret > 0 ? element("small", {}, "0 is the best legal move, 1 the worst") : null],
    ["Score", `${turn.score.toLocaleString("en")}`, shown.points ? chip(`+${shown.points}`, "good") : null],
    shown.num_tokens ? ["Length", `${shown.num_tokens} tokens`] : null,
  ];
  return rows.filter(Boolean).flatMap(([name, ...values]) => [element("dt", {}, name), element("dd", {}, ...values)]);
}

const paid = (name, value) => (name === "FR" || name === "PR" ? String(value) : signed(value, Number.isInteger(value) ? 0 : 2));

const chip = (text, kind) => element("span", { class: `chip ${kind}` }, text);

// ---- perception: cell by cell, what was read and, where that is wrong, what is there

function perception(book, turn, shown) {
  if (shown.text === null) return element("p", { class: "note" }, "This player says nothing.");
  if (shown.wrong === null) return element("p", { class: "note" }, "The answer describes no board.");
  if (shown.wrong === "shape") return element("p", { class: "note bad" }, "What it describes is no board of this size: no cell counts as read.");
  const wrong = new Map(shown.wrong);
  const rows = Array.from({ length: book.rows }, (_, row) => element("tr", {}, ...Array.from({ length: book.cols }, (_, col) => {
    const cell = row * book.cols + col, truth = word(book, turn.cells[cell]);
    if (!wrong.has(cell)) return element("td", { class: turn.cells[cell] ? "" : "empty" }, truth);
    return element("td", { class: "wrong" }, element("s", {}, spoken(wrong.get(cell))), element("span", {}, truth));
  })));
  return element("table", { class: "cells" }, element("tbody", {}, ...rows));
}

const word = (book, number) => spoken(book.words[number]);
const spoken = (said) => (said === "-" ? "·" : said);

// ---- siblings: a group's answers side by side

function siblings(turn, chosen, choose) {
  const most = Math.max(0.01, ...turn.tries.map((one) => Math.abs(one.advantage ?? 0)));
  const heads = ["", "Answer", "GR", "FR", "PR", "R", "Advantage"].map((name) => element("th", { scope: "col" }, name));
  const rows = turn.tries.map((one, place) => {
    const button = element("button", { type: "button", "aria-pressed": String(place === chosen), "aria-label": `Show answer ${place + 1}` }, String(place + 1));
    button.addEventListener("click", () => choose(place));
    const row = element("tr", { class: place === chosen ? "chosen" : "" }, element("td", {}, button),
      element("td", { class: "move" }, one.action || "unreadable"),
      ...["GR", "FR", "PR", "R"].map((name) => element("td", { class: "number" }, name in one.reward ? paid(name, one.reward[name]) : "–")),
      element("td", { class: "advantage" }, one.advantage === undefined ? "–" : bar(one.advantage, most)));
    row.addEventListener("click", () => choose(place));
    return row;
  });
  return element("table", { class: "siblings" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
}

function bar(value, most) {
  const share = (50 * Math.abs(value)) / most;
  const style = `width:${share}%;${value < 0 ? "right" : "left"}:50%`;
  const track = element("span", { class: "track" }, element("i", { class: value < 0 ? "bad" : "good", style }));
  return element("span", { class: "bar" }, track, element("span", {}, signed(value, 2)));
}

// ---- an answer's parts, as engine/rollout/response.py takes them apart where it is well formed

const part = (text, name) => text?.match(new RegExp(`<${name}>([^]*?)</${name}>`))?.[1].trim() ?? null;
