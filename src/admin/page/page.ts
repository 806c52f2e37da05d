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
    "/page.js": import("./page.js", { with: { type: "text" } }),
    "/api.js": import("./api.js", { with: { type: "text" } }),
    "/banner.js": import("./banner.js", { with: { type: "text" } }),
    "/filter_keys.js": import("./filter_keys.js", { with: { type: "text" } }),
    "/notice.js": import("./notice.js", { with: { type: "text" } }),
    "/program_panel.js": import("./program_panel.js", { with: { type: "text" } }),
    "/sign_in.js": import("./sign_in.js", { with: { type: "text" } }),
    "/theme.js": import("./theme.js", { with: { type: "text" } }),
    "/connections/connection_row.js": import("./connections/connection_row.js", { with: { type: "text" } }),
    "/connections/connection_sort.js": import("./connections/connection_sort.js", { with: { type: "text" } }),
    "/connections/connections_panel.js": import("./connections/connections_panel.js", {
      with: { type: "text" },
    }),
    "/connections/row_keys.js": import("./connections/row_keys.js", { with: { type: "text" } }),
    "/connections/row_window.js": import("./connections/row_window.js", { with: { type: "text" } }),
    "/events/event_stream.js": import("./events/event_stream.js", { with: { type: "text" } }),
    "/events/event_text.js": import("./events/event_text.js", { with: { type: "text" } }),
    "/events/events_panel.js": import("./events/events_panel.js", { with: { type: "text" } }),
    "/events/server_sent_events.js": import("./events/server_sent_events.js", { with: { type: "text" } }),
    "/faults/fault_field.js": import("./faults/fault_field.js", { with: { type: "text" } }),
    "/faults/fault_form.js": import("./faults/fault_form.js", { with: { type: "text" } }),
    "/faults/fault_keys.js": import("./faults/fault_keys.js", { with: { type: "text" } }),
    "/faults/fault_row.js": import("./faults/fault_row.js", { with: { type: "text" } }),
    "/faults/faults.js": import("./faults/faults.js", { with: { type: "text" } }),
    "/faults/faults_panel.js": import("./faults/faults_panel.js", { with: { type: "text" } }),
    "/parts/confirm_button.js": import("./parts/confirm_button.js", { with: { type: "text" } }),
    "/parts/element.js": import("./parts/element.js", { with: { type: "text" } }),
    "/parts/format.js": import("./parts/format.js", { with: { type: "text" } }),
    "/parts/keyed_elements.js": import("./parts/keyed_elements.js", { with: { type: "text" } }),
    "/services/error_list.js": import("./services/error_list.js", { with: { type: "text" } }),
    "/services/rates.js": import("./services/rates.js", { with: { type: "text" } }),
    "/services/service_errors.js": import("./services/service_errors.js", { with: { type: "text" } }),
    "/services/services_panel.js": import("./services/services_panel.js", { with: { type: "text" } }),
    "/services/sparkline.js": import("./services/sparkline.js", { with: { type: "text" } }),
    "/styles/columns.css": import("./styles/columns.css", { with: { type: "text" } }),
    "/styles/connections.css": import("./styles/connections.css", { with: { type: "text" } }),
    "/styles/controls.css": import("./styles/controls.css", { with: { type: "text" } }),
    "/styles/faults.css": import("./styles/faults.css", { with: { type: "text" } }),
    "/styles/header.css": import("./styles/header.css", { with: { type: "text" } }),
    "/styles/narrow.css": import("./styles/narrow.css", { with: { type: "text" } }),
    "/styles/page.css": import("./styles/page.css", { with: { type: "text" } }),
    "/styles/tables.css": import("./styles/tables.css", { with: { type: "text" } }),
    "/styles/theme.css": import("./styles/theme.css", { with: { type: "text" } }),
    "/upstreams/endpoint_switch.js": import("./upstreams/endpoint_switch.js", { with: { type: "text" } }),
    "/upstreams/upstreams_panel.js": import("./upstreams/upstreams_panel.js", { with: { type: "text" } }),
    "/uplot.css": import("uplot/dist/uPlot.min.css", { with: { type: "text" } }),
    "/uplot.js": import("uplot/dist/uPlot.iife.min.js", { with: { type: "text" } }),
  };
  const files = Object.entries(sources).map(async ([path, source]) => {
    const type = TYPES[path.split(".").at(-1)!]!;
    return [path, { type, body: (await source).default }] as const;
  });
  return new Map(await Promise.all(files));
}
