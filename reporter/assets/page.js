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
      return typeof value[0] === "object" && value[0] !== null ? value.map(coloured) : value;
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
    }
    const logAxis = logarithmic.get(plot.id);
    if (logAxis) {
      layout[logAxis].type = "log";
      layout[logAxis].dtick = "D2"; // 1, 2, 5, 10, …
      delete layout[logAxis].rangemode;
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

  function draw(plot, width) {
    return window.Plotly.react(plot.id, coloured(plot.data), layoutOf(plot, width), config);
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
  }

  start().catch((error) => {
    console.error(error);
    document.getElementById("no-charts").hidden = false;
    root.classList.remove("scripted");
  });
})();
