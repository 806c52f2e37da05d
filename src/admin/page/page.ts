/** The page of the admin interface, as files to serve. */

const TYPES: Readonly<Record<string, string>> = {
  "/": "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * The files by their paths; `/` is the page itself, which needs all the others. Imports of text put them into the
 * executable and need no permission to read.
 */
export async function pageFiles(): Promise<ReadonlyMap<string, { type: string; body: string }>> {
  const sources = {
    "/": import("./page.html", { with: { type: "text" } }),
    "/favicon.svg": import("./favicon.svg", { with: { type: "text" } }),
    "/columns.css": import("./columns.css", { with: { type: "text" } }),
    "/connections.css": import("./connections.css", { with: { type: "text" } }),
    "/controls.css": import("./controls.css", { with: { type: "text" } }),
    "/faults.css": import("./faults.css", { with: { type: "text" } }),
    "/header.css": import("./header.css", { with: { type: "text" } }),
    "/narrow.css": import("./narrow.css", { with: { type: "text" } }),
    "/page.css": import("./page.css", { with: { type: "text" } }),
    "/tables.css": import("./tables.css", { with: { type: "text" } }),
    "/theme.css": import("./theme.css", { with: { type: "text" } }),
    "/page.js": import("./page.js", { with: { type: "text" } }),
    "/api.js": import("./api.js", { with: { type: "text" } }),
    "/banner.js": import("./banner.js", { with: { type: "text" } }),
    "/confirm_button.js": import("./confirm_button.js", { with: { type: "text" } }),
    "/connection_row.js": import("./connection_row.js", { with: { type: "text" } }),
    "/connection_sort.js": import("./connection_sort.js", { with: { type: "text" } }),
    "/connections_panel.js": import("./connections_panel.js", { with: { type: "text" } }),
    "/element.js": import("./element.js", { with: { type: "text" } }),
    "/endpoint_switch.js": import("./endpoint_switch.js", { with: { type: "text" } }),
    "/error_list.js": import("./error_list.js", { with: { type: "text" } }),
    "/event_stream.js": import("./event_stream.js", { with: { type: "text" } }),
    "/event_text.js": import("./event_text.js", { with: { type: "text" } }),
    "/events_panel.js": import("./events_panel.js", { with: { type: "text" } }),
    "/fault_field.js": import("./fault_field.js", { with: { type: "text" } }),
    "/fault_form.js": import("./fault_form.js", { with: { type: "text" } }),
    "/fault_keys.js": import("./fault_keys.js", { with: { type: "text" } }),
    "/fault_row.js": import("./fault_row.js", { with: { type: "text" } }),
    "/faults.js": import("./faults.js", { with: { type: "text" } }),
    "/faults_panel.js": import("./faults_panel.js", { with: { type: "text" } }),
    "/filter_keys.js": import("./filter_keys.js", { with: { type: "text" } }),
    "/format.js": import("./format.js", { with: { type: "text" } }),
    "/keyed_elements.js": import("./keyed_elements.js", { with: { type: "text" } }),
    "/notice.js": import("./notice.js", { with: { type: "text" } }),
    "/program_panel.js": import("./program_panel.js", { with: { type: "text" } }),
    "/rates.js": import("./rates.js", { with: { type: "text" } }),
    "/row_keys.js": import("./row_keys.js", { with: { type: "text" } }),
    "/row_window.js": import("./row_window.js", { with: { type: "text" } }),
    "/server_sent_events.js": import("./server_sent_events.js", { with: { type: "text" } }),
    "/service_errors.js": import("./service_errors.js", { with: { type: "text" } }),
    "/services_panel.js": import("./services_panel.js", { with: { type: "text" } }),
    "/sign_in.js": import("./sign_in.js", { with: { type: "text" } }),
    "/sparkline.js": import("./sparkline.js", { with: { type: "text" } }),
    "/theme.js": import("./theme.js", { with: { type: "text" } }),
    "/upstreams_panel.js": import("./upstreams_panel.js", { with: { type: "text" } }),
    "/uplot.css": import("uplot/dist/uPlot.min.css", { with: { type: "text" } }),
    "/uplot.js": import("uplot/dist/uPlot.iife.min.js", { with: { type: "text" } }),
  };
  const files = Object.entries(sources).map(async ([path, source]) => {
    const type = TYPES[path.split(".").at(-1)!]!;
    return [path, { type, body: (await source).default }] as const;
  });
  return new Map(await Promise.all(files));
}
