// The page around the viewer: light and dark, and what a chart says where the pointer is.

byId("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});

// A chart's SVG carries its points: data-points = [{"name", "colour", "x": [...], "y": [...]}], data-box = what they span.
for (const chart of document.querySelectorAll("svg.chart")) {
  const lines = JSON.parse(chart.dataset.points);
  const [left, right, first, last] = JSON.parse(chart.dataset.box);
  const tip = chart.parentElement.querySelector(".tip"), rule = chart.querySelector(".rule");
  const hide = () => { tip.hidden = true; rule.setAttribute("visibility", "hidden"); };
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
    const wanted = first + ((at - left) / (right - left)) * (last - first);
    const found = lines.map((line) => [line, nearest(line.x, wanted)]).filter(([, place]) => place >= 0);
    if (!found.length) return hide();
    const x = found[0][0].x[found[0][1]];
    const place = left + ((x - first) / (last - first || 1)) * (right - left);
    rule.setAttribute("x1", place);
    rule.setAttribute("x2", place);
    rule.setAttribute("visibility", "visible");
    tip.hidden = false;
    tip.replaceChildren(element("b", {}, `step ${x}`), ...found.map(([line, index]) =>
      element("span", { style: `--colour: var(--series-${line.colour})` }, `${line.name} ${Number(line.y[index].toPrecision(3))}`)));
    tip.style.left = `${Math.min(Math.max((place / chart.viewBox.baseVal.width) * 100, 20), 80)}%`;
  });
}

function nearest(xs, wanted) {
  let best = -1;
  xs.forEach((x, place) => { if (best < 0 || Math.abs(x - wanted) < Math.abs(xs[best] - wanted)) best = place; });
  return best;
}
