/** The curves of a service's rates, drawn by uPlot. */

import { create, setAttribute } from "../parts/element.js";
import { formatRate } from "../parts/format.js";
import { HISTORY } from "./rates.js";

/** @import uPlot from "uplot/dist/uPlot.d.ts" */
/** @import { Curves } from "./rates.js" */

const HEIGHT = 36;

/** In bytes per second. Without a minimum scale, little traffic would look like much. */
const LOWEST_TOP = 1024;

/** A picture of the last two minutes, upload and download. */
export class Sparkline {
  element = create("div", { class: "sparkline", role: "img", "aria-label": "No rates yet" });
  #plot;
  #resizes = new ResizeObserver(() => {
    this.#plot.setSize({ width: this.element.clientWidth, height: HEIGHT });
  });

  constructor() {
    // Loaded as a script: the file of the package is served unchanged.
    const Plot = /** @type {typeof uPlot} */ (Reflect.get(globalThis, "uPlot"));
    /**
     * The colour of a custom property of the style sheet in the current theme.
     * @param {string} name
     */
    const colour = (name) => () => getComputedStyle(this.element).getPropertyValue(name);
    this.#plot = new Plot(
      {
        width: 0,
        height: HEIGHT,
        padding: [2, 0, 1, 0],
        legend: { show: false },
        cursor: { show: false },
        axes: [{ show: false }, { show: false }],
        scales: {
          x: { range: (_, __, max) => [max - HISTORY, max] },
          y: { range: (_, __, max) => [0, Math.max(max, LOWEST_TOP)] },
        },
        series: [
          {},
          { stroke: colour("--upload-curve"), width: 1.25, points: { show: false } },
          {
            stroke: colour("--download-curve"),
            fill: colour("--download-area"),
            width: 1.25,
            points: { show: false },
          },
        ],
      },
      [[], [], []],
      this.element,
    );
    this.#resizes.observe(this.element);
  }

  /** @param {Curves} curves */
  draw(curves) {
    this.#plot.setData(curves);
    const [, upload, download] = curves.map((values) => Math.max(0, ...values.map(Number)));
    const text = `Last two minutes: upload up to ${formatRate(upload ?? 0)}, download up to ${
      formatRate(download ?? 0)
    }`;
    setAttribute(this.element, "aria-label", text);
    setAttribute(this.element, "title", text);
  }

  destroy() {
    this.#resizes.disconnect();
    this.#plot.destroy();
  }

  /** Redraws after a change of colours. */
  redraw() {
    this.#plot.redraw(false, false);
  }
}
