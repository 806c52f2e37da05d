/** The picture of docs/deploy/fleet.md, in SVG: what an endpoint gets in each second after it is back. */

import type { HerdRun } from "./page.ts";

const WIDTH = 800;
const HEIGHT = 420;
const LEFT = 60;
const RIGHT = 20;
const TOP = 50;
const BOTTOM = 50;
const SECONDS = 60;
const COLORS: Record<string, string> = {
  round_robin: "#1a7f37",
  random_two: "#0969da",
  least_connections: "#cf222e",
};

export function pictureOf(runs: readonly HerdRun[]): string {
  const highest = Math.ceil(Math.max(...runs.map(({ herd: { peak } }) => peak)));
  const x = (second: number) => LEFT + second * (WIDTH - LEFT - RIGHT) / SECONDS;
  const y = (times: number) => HEIGHT - BOTTOM - times * (HEIGHT - TOP - BOTTOM) / highest;
  const lines = runs.map(({ policy, slowStart, herd: { perSecond } }) => {
    const points = perSecond.slice(0, SECONDS).map((times, second) =>
      `${x(second + 0.5).toFixed(1)},${y(times).toFixed(1)}`
    );
    const dashes = slowStart === 0 ? "" : ' stroke-dasharray="6 4"';
    return `<polyline fill="none" stroke="${COLORS[policy]}" stroke-width="2"${dashes} points="${
      points.join(" ")
    }"/>`;
  });
  const grid = Array.from(
    { length: highest + 1 },
    (_, times) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(times).toFixed(1)}" y2="${
        y(times).toFixed(1)
      }" stroke="${times === 1 ? "#57606a" : "#d8dee4"}"/>${
        times % 2 === 0 || times === 1 ? label(LEFT - 8, y(times) + 4, `${times} ×`, "end") : ""
      }`,
  );
  const seconds = Array.from(
    { length: SECONDS / 10 + 1 },
    (_, ten) => label(x(ten * 10), HEIGHT - BOTTOM + 20, `${ten * 10} s`, "middle"),
  );
  const legend = runs.map(({ policy, slowStart }, index) => {
    const top = TOP + 16 + index * 20;
    const dashes = slowStart === 0 ? "" : ' stroke-dasharray="6 4"';
    const line = `<line x1="500" x2="540" y1="${top}" y2="${top}" stroke="${
      COLORS[policy]
    }" stroke-width="2"${dashes}/>`;
    return line +
      label(548, top + 4, `${policy}${slowStart === 0 ? "" : `, slow_start: ${slowStart}s`}`, "start");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">
<title>New connections of an endpoint that is back, in each second, as multiples of its fair share</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${
    label(
      LEFT - 40,
      24,
      "New connections of an endpoint that is back, in each second: multiples of its fair share",
      "start",
    )
  }
${[...grid, ...seconds, ...lines, ...legend].join("\n")}
</svg>
`;
}

function label(x: number, y: number, text: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x.toFixed(1)}" y="${
    y.toFixed(1)
  }" text-anchor="${anchor}" fill="#24292f">${text}</text>`;
}
