// Draws the charts, and sorts, filters and folds the table of costs. The page works without this script, except for the charts.
"use strict";
(() => {
  const DAY = 86400;
  const data = JSON.parse(document.getElementById("data").textContent);
  // Midnight in UTC stands for the civil day.
  const seconds = (day) => Date.parse(day + "T00:00:00Z") / 1000;

  const charts = document.querySelectorAll(".chart[data-chart]");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let drawn = [];

  function shade(spans) {
    return (plot) => {
      const {ctx, bbox} = plot;
      ctx.save();
      ctx.fillStyle = "rgba(179, 38, 30, 0.15)";
      // Each day is shaded once, however many incidents it has.
      let shaded = -Infinity;
      for (const [first, last] of [...spans].sort()) {
        if (seconds(last) <= shaded) continue;
        const start = Math.max(seconds(first), shaded + DAY);
        shaded = seconds(last);
        const left = Math.max(plot.valToPos(start - DAY / 2, "x", true), bbox.left);
        const right = Math.min(plot.valToPos(shaded + DAY / 2, "x", true), bbox.left + bbox.width);
        if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }
      ctx.restore();
    };
  }

  // The charts of trials by place: the first day and the lines.
  const trials = new Map();

  function plot(place, first, chart) {
    const days = Array.from({length: chart.cost.length}, (_, index) => seconds(first) + index * DAY);
    const compact = new Intl.NumberFormat(document.documentElement.lang, {notation: "compact"});
    const axis = {stroke: color("--soft"), grid: {stroke: color("--line"), width: 1}, ticks: {stroke: color("--line")}};
    const edge = {stroke: "transparent", points: {show: false}};
    const hasBand = Boolean(chart.lower);
    const options = {
      width: place.clientWidth,
      height: place.clientHeight,
      legend: {show: false},
      cursor: {show: false},
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
      scales: {y: {range: (_, low, high) => [Math.min(low ?? 0, 0), (high ?? 1) * 1.05 || 1]}},
      axes: [
        {...axis, values: (_, times) => times.map((time) => new Date(time * 1000).toISOString().slice(5, 10))},
        {...axis, size: 64, values: (_, values) => values.map((value) => compact.format(value))},
      ],
      series: [{}, {stroke: color("--accent"), width: 2, points: {show: false}}, ...(hasBand ? [edge, edge] : [])],
      bands: hasBand ? [{series: [3, 2], fill: "rgba(128, 128, 128, 0.25)"}] : [],
      hooks: {drawClear: [shade(chart.spans)]},
    };
    drawn.push(new uPlot(options, [days, chart.cost, ...(hasBand ? [chart.lower, chart.upper] : [])], place));
  }

  function draw() {
    drawn.forEach((plot) => plot.destroy());
    drawn = [];
    if (data.first) charts.forEach((place) => plot(place, data.first, data.charts[Number(place.dataset.chart)]));
    trials.forEach(({first, chart}, place) => plot(place, first, chart));
  }

  // The script of the trials draws with this function.
  window.costwardenChart = (place, first, chart) => {
    trials.set(place, {first, chart});
    draw();
  };

  draw();
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) {
      width = window.innerWidth;
      draw();
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.addEventListener("beforeprint", draw);
  window.addEventListener("afterprint", draw);

  const table = document.getElementById("costs");
  const body = table.tBodies[0];
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const MANY_ROWS = 60;

  // Each row knows its parent, its children and whether its children are folded.
  const nodes = [];
  const root = {depth: -1, children: [], folded: false};
  const path = [root];
  for (const row of body.rows) {
    const depth = Number(row.dataset.d);
    const name = row.cells[0].textContent;
    const node = {row, depth, name, text: name.toLowerCase(), children: [], folded: false, parent: path[depth]};
    path[depth].children.push(node);
    path[depth + 1] = node;
    nodes.push(node);
  }
  for (const node of nodes) {
    if (!node.children.length) continue;
    node.twig = document.createElement("button");
    node.twig.type = "button";
    node.twig.className = "twig";
    node.twig.setAttribute("aria-label", node.name);
    node.twig.addEventListener("click", () => {
      node.folded = !node.folded;
      show();
    });
    node.row.cells[0].prepend(node.twig);
  }

  function show() {
    const wanted = filter.value.trim().toLowerCase();
    let count = 0;
    const visit = (node, isInside, isFolded) => {
      const isMatch = isInside || !wanted || node.text.includes(wanted);
      let isVisible = isMatch;
      for (const child of node.children) {
        const isChildHidden = wanted ? false : isFolded || node.folded;
        isVisible = visit(child, Boolean(wanted) && isMatch, isChildHidden) || isVisible;
      }
      node.row.hidden = !isVisible || isFolded;
      if (!node.row.hidden) count += 1;
      if (node.twig) {
        node.twig.textContent = node.folded && !wanted ? "▸" : "▾";
        node.twig.setAttribute("aria-expanded", String(!node.folded || Boolean(wanted)));
      }
      return isVisible;
    };
    root.children.forEach((node) => visit(node, false, false));
    shown.textContent = `${count} / ${nodes.length}`;
  }

  function foldAll(isFolded) {
    nodes.forEach((node) => { node.folded = isFolded && node.children.length > 0; });
    show();
  }

  // An amount without its separators and its unit; a range counts by its lower end.
  const number = (text) => Number.parseFloat(text.replaceAll(",", "")) || 0;

  function sort(column, isAscending) {
    const sign = isAscending ? 1 : -1;
    const byName = (one, other) => one.name.localeCompare(other.name, document.documentElement.lang);
    const cell = (node) => number(node.row.cells[column].textContent);
    const byNumber = (one, other) => cell(one) - cell(other);
    const order = column === 0 ? byName : byNumber;
    const place = (node) => {
      node.children.sort((one, other) => sign * order(one, other));
      for (const child of node.children) {
        body.append(child.row);
        place(child);
      }
    };
    place(root);
  }

  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const isAscending = header.ariaSort ? header.ariaSort === "descending" : column === 0;
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
      sort(column, isAscending);
    });
  });

  filter.addEventListener("input", show);
  document.getElementById("fold").addEventListener("click", () => foldAll(true));
  document.getElementById("unfold").addEventListener("click", () => foldAll(false));
  if (nodes.length > MANY_ROWS) {
    nodes.forEach((node) => { node.folded = node.depth === 1; });
  }
  show();
  table.classList.remove("many");
})();
