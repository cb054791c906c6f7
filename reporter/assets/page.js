// Draws the report's charts, sorts its tables, switches its theme. The chart library and the charts' data lie in the page.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const plots = JSON.parse(document.getElementById("plots").textContent);

  // Charts name their colours as the stylesheet does; a probe tells what a name means in the theme in force.
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  function coloured(value) {
    if (typeof value === "string" && value.startsWith("var(--")) {
      probe.style.color = value;
      return getComputedStyle(probe).color;
    }
    if (Array.isArray(value)) {
      const isStop = value.length === 2 && typeof value[0] === "number" && typeof value[1] === "string"; // of a colour scale
      return isStop || (typeof value[0] === "object" && value[0] !== null) ? value.map(coloured) : value;
    }
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
    }
    return value;
  }

  const config = {
    displaylogo: false,
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"],
    modeBarButtonsToAdd: [picture("png"), picture("svg")],
  };
  function picture(format) {
    return {
      name: `save as ${format.toUpperCase()}`,
      icon: {
        width: 24, height: 24,
        path: format === "png"
          ? "M5 20h14v-2H5v2zM19 9h-4V3H9v6H5l7 7 7-7z"
          : "M5 20h14v-2H5v2zM12 3l7 7h-4v6H9v-6H5l7-7z",
      },
      click: (plot) => {
        const box = plot.getBoundingClientRect();
        const size = { width: Math.round(box.width), height: Math.round(box.height) };
        window.Plotly.downloadImage(plot, { format, filename: plot.id, scale: format === "png" ? 2 : 1, ...size });
      },
    };
  }

  const logarithmic = new Map(); // chart to axis
  const drawn = new Map();

  function layoutOf(plot, width) {
    const layout = coloured(plot.layout);
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: coloured("var(--muted)"), activecolor: coloured("var(--ink)") };
    if (width) {
      layout.width = width;
      layout.height = parseInt(document.getElementById(plot.id).style.height, 10);
      layout.margin = { ...layout.margin, t: 16 };
      // A share of a low chart is less than the words of the time axis take.
      if (layout.legend) layout.legend = { ...layout.legend, y: -32 / (layout.height - layout.margin.t - layout.margin.b) };
    }
    const logAxis = logarithmic.get(plot.id);
    if (logAxis) {
      layout[logAxis].type = "log";
      delete layout[logAxis].rangemode;
      delete layout[logAxis].range;
    }
    for (const axis of [layout.xaxis, layout.yaxis]) {
      if (axis.type === "log" && !axis.tickvals) axis.dtick = "D2"; // 1, 2, 5, 10, …
    }
    const range = drawn.get(plot.id);
    if (range) layout.xaxis.range = range;
    // A narrow page has no room for a wide margin or for many ticks.
    if (root.clientWidth < 600) {
      layout.margin = { ...layout.margin, l: 48, r: 6 };
      layout.xaxis.nticks = 6;
      if (plot.id === "distribution") {
        layout.xaxis.tickvals = layout.xaxis.tickvals.slice(1);
        layout.xaxis.ticktext = layout.xaxis.ticktext.slice(1);
        layout.xaxis.tickfont = { size: 9 };
        layout.xaxis.tickangle = 0;
      }
      if (layout.yaxis.tickvals) layout.yaxis.tickfont = { size: 10 };
    }
    return layout;
  }

  // The heat map comes as plain counts. They are coloured by their order of magnitude; a cell without any is left open.
  function heat(trace) {
    const most = Math.max(...trace.z.map((row) => Math.max(...row)));
    const powers = Array.from({ length: Math.floor(Math.log10(most)) + 1 }, (_, power) => power);
    const number = new Intl.NumberFormat("en");
    return {
      ...trace,
      z: trace.z.map((row) => row.map((count) => (count ? Math.log10(count) : null))),
      zmin: 0,
      zmax: Math.max(Math.log10(most), 1),
      text: trace.z.map((row, at) => row.map((count) => `${trace.text[at]}: ${number.format(count)} request${count === 1 ? "" : "s"}`)),
      hovertemplate: "%{x}<br>%{text}<extra></extra>",
      colorbar: { ...trace.colorbar, tickvals: powers, ticktext: powers.map((power) => number.format(10 ** power)) },
    };
  }

  function dataOf(plot) {
    return coloured(plot.data).map((trace) => (trace.type === "heatmap" ? heat(trace) : trace));
  }

  function draw(plot, width) {
    return window.Plotly.react(plot.id, dataOf(plot), layoutOf(plot, width), config);
  }

  // Time axes are zoomed together.
  let following = false;
  function follow(source) {
    document.getElementById(source.id).on("plotly_relayout", (change) => {
      if (following) return;
      const from = change["xaxis.range[0]"];
      const range = from === undefined ? null : [from, change["xaxis.range[1]"]];
      if (range === null && !change["xaxis.autorange"]) return;
      following = true;
      const others = plots.filter((plot) => plot.layout.xaxis.type === "date");
      const done = others.map((plot) => {
        const whole = plot.layout.xaxis.range;
        if (range) drawn.set(plot.id, range); else drawn.delete(plot.id);
        return window.Plotly.relayout(plot.id, { "xaxis.range": range || whole.slice() });
      });
      Promise.all(done).finally(() => { following = false; });
    });
  }

  async function loadLibrary() {
    const packed = atob(document.getElementById("chart-library").textContent.trim());
    const bytes = Uint8Array.from(packed, (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  async function start() {
    await loadLibrary();
    for (const plot of plots) {
      await draw(plot);
      if (plot.layout.xaxis.type === "date") follow(plot);
    }
    root.classList.add("drawn");
  }

  function redraw(width) {
    if (!window.Plotly) return;
    for (const plot of plots) draw(plot, width);
  }

  for (const button of document.querySelectorAll("[data-log]")) {
    const { log: id, axis } = button.dataset;
    if (button.getAttribute("aria-pressed") === "true") logarithmic.set(id, axis);
    button.addEventListener("click", () => {
      const on = !logarithmic.delete(id);
      if (on) logarithmic.set(id, axis);
      button.setAttribute("aria-pressed", String(on));
      draw(plots.find((plot) => plot.id === id));
    });
  }

  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  systemDark.addEventListener("change", () => redraw());
  const asked = new URLSearchParams(location.search).get("theme");
  if (asked === "light" || asked === "dark") root.dataset.theme = asked;

  // On paper: light, as wide as an A4 page within its margins (182 mm) less the frame of a chart, and not as high.
  const paper = { whole: 650, half: 290, height: 185, shrink: 0.72 };
  const folds = document.querySelectorAll("details");
  let before;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    for (const fold of folds) { fold.dataset.open = fold.open; fold.open = true; }
    if (!window.Plotly) return;
    for (const plot of plots) {
      const box = document.getElementById(plot.id);
      const height = plot.layout.xaxis.type === "date" ? paper.height : box.dataset.height * paper.shrink;
      box.style.height = `${Math.round(height)}px`;
      draw(plot, box.closest(".columns") ? paper.half : paper.whole);
    }
  });
  addEventListener("afterprint", () => {
    for (const fold of folds) fold.open = fold.dataset.open === "true";
    if (before === undefined) delete root.dataset.theme; else root.dataset.theme = before;
    for (const plot of plots) {
      const box = document.getElementById(plot.id);
      box.style.height = `${box.dataset.height}px`;
    }
    redraw();
  });

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      const term = head.querySelector(".term");
      if (term) button.dataset.term = term.dataset.term; // a button within a button there must not be
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const key = (row) => row.cells[column].dataset.sort;
        const compare = (a, b) => key(a) === undefined
          ? a.cells[column].textContent.localeCompare(b.cells[column].textContent)
          : Number(key(a)) - Number(key(b));
        const rows = [...table.tBodies[0].rows].sort(compare);
        if (order === "descending") rows.reverse();
        table.tBodies[0].append(...rows);
      });
    });
    addFilter(table);
  }

  // A field above a table that leaves the rows with all of its words. On paper all rows are there: page.css.
  function addFilter(table) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 2) return;
    const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase());
    const label = document.createElement("label");
    const field = document.createElement("input");
    field.type = "search";
    field.autocomplete = "off";
    field.setAttribute("aria-label", `Filter: ${table.caption.textContent}`);
    label.append("Filter ", field);
    const shown = document.createElement("span");
    shown.setAttribute("role", "status"); // told to those who cannot see the rows go
    const tell = (count) => { shown.textContent = `${count} of ${rows.length} shown`; };
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, at) => {
        const stays = words.every((word) => texts[at].includes(word));
        row.classList.toggle("filtered", !stays);
        count += stays;
      });
      tell(count);
    });
    tell(rows.length);
    const bar = document.createElement("div");
    bar.className = "filter";
    bar.append(label, shown);
    table.before(bar);
  }

  // Words of the glossary explain themselves where they stand: under the pointer, with the focus, at a tap. The pointer may
  // rest on what is shown, and Escape takes it away (WCAG 1.4.13). Screen readers get it as the description of the word.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.querySelector("main").append(tip);
  let leaving;
  function hideTip() {
    clearTimeout(leaving);
    tip.hidden = true;
  }
  function hideTipSoon() {
    clearTimeout(leaving);
    leaving = setTimeout(hideTip, 250); // time for the pointer to get there
  }
  function showTip(trigger, meaning) {
    clearTimeout(leaving);
    tip.textContent = meaning;
    tip.hidden = false;
    const [word, box, edge] = [trigger.getBoundingClientRect(), tip.getBoundingClientRect(), 8];
    const left = Math.max(edge, Math.min(word.left, root.clientWidth - box.width - edge));
    const fitsBelow = word.bottom + box.height + edge < window.innerHeight;
    const top = fitsBelow ? word.bottom + 4 : word.top - box.height - 4;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${top + window.scrollY}px`;
  }
  tip.addEventListener("mouseenter", () => clearTimeout(leaving));
  tip.addEventListener("mouseleave", hideTipSoon);
  addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  function explain(trigger) {
    const entry = document.getElementById(`glossary-${trigger.dataset.term}`);
    if (!entry) return;
    trigger.setAttribute("aria-describedby", entry.id);
    const show = () => showTip(trigger, entry.textContent);
    for (const event of ["mouseenter", "focus", "click"]) trigger.addEventListener(event, show);
    trigger.addEventListener("mouseleave", hideTipSoon);
    trigger.addEventListener("blur", hideTip);
  }
  const explained = new Map(); // table to words: once is enough in each, else every percentile would be a stop of the Tab key
  for (const word of document.querySelectorAll("span.term")) {
    const { term } = word.dataset;
    const table = word.closest("table");
    const before = explained.get(table) || explained.set(table, new Set()).get(table);
    if (table && before.has(term)) {
      word.replaceWith(...word.childNodes);
      continue;
    }
    before.add(term);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "term";
    button.dataset.term = term;
    button.append(...word.childNodes);
    word.replaceWith(button);
  }
  document.querySelectorAll("button[data-term]").forEach(explain);

  start().catch((error) => {
    console.error(error);
    document.getElementById("no-charts").hidden = false;
    root.classList.remove("scripted");
  });
})();
