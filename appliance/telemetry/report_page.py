"""The report's style and script, inlined into it: one file, nothing fetched."""

STYLE = """
:root {
  --page: #f6f8fa; --card: #fff; --ink: #1f2933; --faint: #5b6b7b; --line: #dfe5eb;
  --good: #0f7b4f; --bad: #b42318; --warn: #9a6700;
  --series-0: #0072b2; --series-1: #d55e00; --series-2: #009e73; --series-3: #b8579a;
  --series-4: #b07a00; --series-5: #3d9bd1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12181f; --card: #1b232c; --ink: #e4e9ee; --faint: #96a5b4; --line: #303b46;
    --good: #4cc38a; --bad: #ff7b6b; --warn: #e2b341;
    --series-0: #4ba6e8; --series-1: #ff8a4c; --series-2: #3cc79c; --series-3: #e08fc6;
    --series-4: #e9b949; --series-5: #86cbf2;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 2px; }
h2 { font-size: 17px; margin: 0 0 12px; }
p.sub, .faint { color: var(--faint); margin: 0; }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px; margin-top: 18px;
}
.verdict { display: inline-block; margin: 12px 0 0; padding: 5px 14px; border-radius: 16px;
  font-weight: 600; border: 1px solid currentColor; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 14px;
  margin-top: 18px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 16px; }
.tile b { display: block; font-size: 22px; font-weight: 650; white-space: nowrap; }
.tile span { color: var(--faint); font-size: 13px; }
.columns { columns: 400px 2; column-gap: 18px; margin-top: 18px; }
.columns section { break-inside: avoid; margin: 0 0 18px; }
.columns + section { margin-top: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--faint); font-weight: 500; font-size: 13px; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; white-space: nowrap; }
td small { color: var(--faint); display: block; }
td.word { overflow-wrap: anywhere; }
td.text { overflow-wrap: anywhere; text-align: right; padding-left: 24px; }
tr > :last-child { padding-right: 0; }
summary { cursor: pointer; font-weight: 600; font-size: 17px; }
details[open] summary { margin-bottom: 12px; }
figure.chart { margin: 0; position: relative; }
figure svg { width: 100%; height: auto; display: block; }
figure text { fill: var(--ink); font-size: 12.5px; }
figure text.axis { fill: var(--faint); }
.grid { stroke: var(--line); stroke-width: 1; }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; }
.hill { fill-opacity: .16; stroke-width: 1.8; stroke-linejoin: round; }
.pointer { stroke: var(--faint); stroke-dasharray: 3 3; visibility: hidden; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 6px; }
.legend button { font: inherit; color: inherit; background: none; border: 0; padding: 2px 0;
  cursor: pointer; }
.legend i { display: inline-block; width: 18px; height: 4px; border-radius: 2px;
  margin-right: 7px; vertical-align: middle; }
.legend button.off { opacity: .4; text-decoration: line-through; }
.readout { position: absolute; top: 34px; display: none; pointer-events: none;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 7px 11px;
  font-size: 13px; box-shadow: 0 3px 12px rgb(0 0 0 / 18%); white-space: nowrap; }
.readout div { display: flex; gap: 14px; justify-content: space-between; }
.readout i { display: inline-block; width: 9px; height: 9px; border-radius: 50%;
  margin-right: 6px; }
@media print { section { break-inside: avoid; } .readout { display: none; } }
"""

# For each chart: the legend hides and shows series; the readout tells the values nearest the
# pointer. Points are [place, what x is, what y is], in the order of x.
SCRIPT = """
for (const figure of document.querySelectorAll("figure.chart")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector("svg"), pointer = figure.querySelector(".pointer");
  const readout = figure.querySelector(".readout");
  const buttons = [...figure.querySelectorAll("button")];
  const hidden = new Set();
  buttons.forEach((button, i) => button.addEventListener("click", () => {
    hidden.has(i) ? hidden.delete(i) : hidden.add(i);
    button.classList.toggle("off", hidden.has(i));
    svg.querySelector(`[data-series="${i}"]`).style.display = hidden.has(i) ? "none" : "";
  }));
  const nearest = (row, x) => row.reduce((best, point) =>
    Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best);
  const leave = () => { readout.style.display = "none"; pointer.style.visibility = "hidden"; };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
    const x = (event.clientX - box.left) / scale;
    const shown = data.series.map((row, i) => [i, row])
      .filter(([i, row]) => !hidden.has(i) && x <= row[row.length - 1][0] + 12
                            && x >= row[0][0] - 12);
    if (x < data.left || x > data.right || !shown.length) return leave();
    pointer.setAttribute("x1", x); pointer.setAttribute("x2", x);
    pointer.style.visibility = "visible";
    readout.replaceChildren();
    const head = document.createElement("strong");
    head.textContent = nearest(shown[0][1], x)[1];
    readout.append(head);
    for (const [i, row] of shown) {
      const line = document.createElement("div"), name = document.createElement("span");
      const dot = document.createElement("i"), value = document.createElement("b");
      dot.style.background = `var(--series-${i})`;
      name.append(dot, buttons[i].textContent);
      value.textContent = nearest(row, x)[2];
      line.append(name, value);
      readout.append(line);
    }
    readout.style.display = "block";
    const left = x * scale, width = readout.offsetWidth;
    readout.style.left = (left + width + 24 > box.width ? left - width - 12 : left + 12) + "px";
  });
}
"""
