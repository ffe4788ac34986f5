/* Draws a chart in a frame without an origin. The chart is somebody else's: what it names is neither loaded nor followed.

   The library was loaded before this; see views/charts.py and templates/chatapp/chart.html. The other end is charts.js. */

(() => {
  "use strict";

  const holder = document.getElementById("chart");
  const failed = document.getElementById("failed");
  const content = JSON.parse(document.getElementById("content").textContent);
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  let told = ""; // light or dark, as the page around us says; until then what the browser says

  const getScheme = () => told || (preferred.matches ? "dark" : "light");
  const getInks = () =>
    getScheme() === "dark"
      ? { text: "#e3e6ec", soft: "#a9afba", line: "#3d424c", ground: "#23262d" }
      : { text: "#262b35", soft: "#5c6370", line: "#dfe2e8", ground: "#ffffff" };

  /* ---- Plotly */

  const KEPT_AWAY = ["toImage", "sendDataToCloud", "editInChartStudio"]; // the frame may neither save nor send

  /** Plotly's own colours are made for white paper: a figure that names some of them keeps them all. */
  function hasColours({ paper_bgcolor, plot_bgcolor, font }) {
    return Boolean(paper_bgcolor || plot_bgcolor || font?.color);
  }

  function makeTemplate(layout) {
    const margin = { t: layout.title ? 64 : 32, r: 32, b: 56, l: 56 };
    if (hasColours(layout)) return { layout: { margin } };
    const { text, line, ground } = getInks();
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
    return {
      layout: {
        margin,
        paper_bgcolor: "rgba(0, 0, 0, 0)",
        plot_bgcolor: "rgba(0, 0, 0, 0)",
        font: { color: text, family: "system-ui, sans-serif" },
        xaxis: { ...axis, automargin: true },
        yaxis: { ...axis, automargin: true },
        ternary: { aaxis: axis, baxis: axis, caxis: axis, bgcolor: "rgba(0, 0, 0, 0)" },
        hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: text } },
        modebar: { bgcolor: "rgba(0, 0, 0, 0)" },
      },
    };
  }

  const plotly = {
    draw() {
      // Drawn with copies: Plotly writes into what it gets.
      const { data, layout, config = {}, frames } = structuredClone(content);
      delete layout.width;
      delete layout.height;
      const template = layout.template ?? makeTemplate(layout);
      return Plotly.react(holder, {
        data,
        frames,
        layout: { ...layout, template, autosize: true },
        config: {
          ...config,
          modeBarButtonsToRemove: [...(config.modeBarButtonsToRemove ?? []), ...KEPT_AWAY],
          responsive: false, // by the observer below
          displaylogo: false,
          showLink: false,
          showSendToCloud: false,
          showEditInChartStudio: false,
          plotlyServerURL: "",
        },
      });
    },
    resize: () => Plotly.Plots.resize(holder),
  };

  /* ---- Vega-Lite */

  const closed = {
    load: () => Promise.reject(new Error("a chart loads nothing")),
    http: () => Promise.reject(new Error("a chart loads nothing")),
    file: () => Promise.reject(new Error("a chart loads nothing")),
    // Asked for links and for images; only an image that is its own address may be shown.
    sanitize: (uri, options) =>
      options?.context === "image" && /^data:image\/(png|jpeg|gif|webp);base64,/i.test(uri)
        ? Promise.resolve({ href: uri })
        : Promise.reject(new Error("a chart leads nowhere")),
  };

  function makeConfig() {
    const { text, soft, line } = getInks();
    return {
      background: "transparent",
      view: { stroke: line },
      axis: { domainColor: line, gridColor: line, tickColor: line },
      title: { subtitleColor: soft },
      text: { color: text },
      style: {
        "guide-label": { fill: soft, font: "system-ui" },
        "guide-title": { fill: text, font: "system-ui" },
        "group-title": { fill: text, font: "system-ui" },
        "group-subtitle": { fill: soft, font: "system-ui" },
      },
    };
  }

  const views = {
    view: null,
    isWide: false,
    isHigh: false,
    draw() {
      this.view?.finalize();
      const isOne = "mark" in content || "layer" in content; // several views beside one another have sizes of their own
      this.isWide = isOne && (content.width ?? "container") === "container";
      this.isHigh = isOne && (content.height ?? "container") === "container";
      const spec = { ...content };
      if (this.isWide) spec.width = Math.max(holder.clientWidth, 1);
      if (this.isHigh) spec.height = Math.max(holder.clientHeight, 1);
      if (this.isWide || this.isHigh) spec.autosize ??= { type: "fit", contains: "padding" };
      spec.padding ??= 14;
      spec.description ??= document.title; // what Vega tells those who do not see it
      const own = content.background ?? content.config?.background;
      const compiled = vegaLite.compile(spec, { config: own ? {} : makeConfig(), logger: vega.logger(vega.Error) });
      this.view = new vega.View(vega.parse(compiled.spec, null, { ast: true }), {
        expr: vega.expressionInterpreter,
        loader: closed,
        logLevel: vega.Error,
        renderer: "svg",
        container: holder,
        hover: true,
      });
      return this.view.runAsync();
    },
    resize() {
      if (!this.view) return;
      if (this.isWide) this.view.width(holder.clientWidth);
      if (this.isHigh) this.view.height(holder.clientHeight);
      return this.view.runAsync();
    },
  };

  /* ---- both */

  const library = holder.dataset.library === "plotly" ? plotly : views;
  let last = Promise.resolve();

  /** One after the other: the libraries draw bit by bit. */
  function play(verb) {
    last = last.then(() => library[verb]()).then(
      () => (holder.dataset.state = "drawn"),
      () => {
        holder.dataset.state = "failed";
        holder.parentElement.hidden = true; // it would push the sentence out of view
        failed.hidden = false;
      },
    );
  }

  // A link in a chart would lead this frame elsewhere: nobody would know where they are.
  for (const kind of ["click", "auxclick"]) {
    addEventListener(kind, (event) => event.target.closest?.("a") && event.preventDefault(), true);
  }

  addEventListener("message", ({ data, source }) => {
    if (source !== parent || !["light", "dark"].includes(data?.chart)) return;
    const before = getScheme();
    told = data.chart;
    document.documentElement.style.colorScheme = told;
    if (told !== before) play("draw");
  });
  preferred.addEventListener("change", () => told || play("draw"));

  let size = `${holder.clientWidth} ${holder.clientHeight}`;
  play("draw");
  new ResizeObserver(() => {
    const now = `${holder.clientWidth} ${holder.clientHeight}`;
    // What was folded away has no size, and nothing to be drawn for.
    if (now === size || !holder.clientWidth) return;
    size = now;
    play("resize");
  }).observe(holder);
  parent.postMessage({ chart: "?" }, "*");
})();
