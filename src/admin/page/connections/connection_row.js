/** One connection in the table. A row is never reused for another connection. */

import { ConfirmButton } from "../parts/confirm_button.js";
import { create, setAttribute, setHidden, setText } from "../parts/element.js";
import { formatAmount, formatBytes, formatDuration, formatRate } from "../parts/format.js";

/** @import { ConnectionView, SortKey } from "../../views.ts" */

/**
 * The columns before the button, and the keys to sort by.
 * @type {readonly { label: string, sort?: SortKey, isNumber?: true }[]}
 */
export const COLUMNS = [
  { label: "ID", sort: "id", isNumber: true },
  { label: "Service", sort: "service" },
  { label: "Client", sort: "client" },
  { label: "TLS" },
  { label: "Endpoint", sort: "endpoint" },
  { label: "Age", sort: "age", isNumber: true },
  { label: "Upload", isNumber: true },
  { label: "Download", isNumber: true },
  { label: "Bytes", sort: "bytes", isNumber: true },
  { label: "Rate", isNumber: true },
];

/** The column that also has the faults. */
const ENDPOINT = COLUMNS.findIndex(({ label }) => label === "Endpoint");

export class ConnectionRow {
  #cells = COLUMNS.map(({ label, isNumber }) =>
    create("td", { class: `${label.toLowerCase()}${isNumber ? " number" : ""}`, "data-label": label })
  );
  #kill;
  #endpoint = create("span", { class: "where" });
  #faults = create("span", { class: "tag warning" });
  element;
  /** @type {{ time: number, bytes: number } | undefined} */
  #last;
  #rate = "–";

  /** Formatted once, because that is slow. */
  #openedAt;

  /**
   * @param {ConnectionView} connection
   * @param {(id: number) => Promise<void>} kill
   */
  constructor({ id, opened_at }, kill) {
    this.#openedAt = new Date(opened_at).toLocaleString();
    this.#kill = new ConfirmButton({
      label: "Kill",
      description: `kill connection ${id}`,
      onConfirm: () => kill(id),
    });
    this.#cells[ENDPOINT]?.append(create("span", { class: "line" }, this.#endpoint, this.#faults));
    // Tab stops once in the table; arrow keys move between rows.
    this.#kill.element.tabIndex = -1;
    this.element = create("tr", {}, ...this.#cells, create("td", { class: "kill" }, this.#kill.element));
  }

  get button() {
    return this.#kill.element;
  }

  /** @param {ConnectionView} connection */
  update(connection) {
    const { upload, download } = connection.bytes;
    const texts = [
      String(connection.id),
      connection.service,
      connection.client,
      tlsOf(connection),
      endpointOf(connection),
      formatDuration(
        connection.age_ms < 1000 ? connection.age_ms : Math.floor(connection.age_ms / 1000) * 1000,
      ),
      formatBytes(upload),
      formatBytes(download),
      formatBytes(upload + download),
      this.#rateOf(connection.age_ms, upload + download),
    ];
    this.#cells.forEach((cell, index) =>
      setText(index === ENDPOINT ? this.#endpoint : cell, texts[index] ?? "")
    );
    const { length } = connection.faults;
    setText(this.#faults, length === 0 ? "" : formatAmount(length, "fault"));
    setHidden(this.#faults, length === 0);
    setAttribute(this.element, "data-state", connection.state);
    setAttribute(this.element, "title", aboutOf(connection, this.#openedAt));
  }

  /**
   * @param {number} age in milliseconds
   * @param {number} bytes
   */
  #rateOf(age, bytes) {
    const last = this.#last;
    if (last === undefined || age - last.time >= 500) {
      this.#last = { time: age, bytes };
      if (last !== undefined) this.#rate = formatRate((bytes - last.bytes) * 1000 / (age - last.time));
    }
    return this.#rate;
  }
}

/** @param {ConnectionView} connection */
function tlsOf({ sni, alpn, tls_version }) {
  return [sni, alpn, tls_version].filter((fact) => fact !== null).join(" ");
}

/** @param {ConnectionView} connection */
function endpointOf({ state, endpoint }) {
  return state === "open" ? endpoint ?? "" : [state, endpoint].filter((fact) => fact !== null).join(" ");
}

/**
 * Facts for which the columns have no room, as a tooltip.
 * @param {ConnectionView} connection
 * @param {string} openedAt
 */
function aboutOf(connection, openedAt) {
  const { client, listener, peer, upstream, endpoint, attempts, client_subject, faults } = connection;
  const facts = [`From ${client} to ${listener}`, `Opened at ${openedAt}`];
  if (peer !== null) facts.push(`Through ${peer}`);
  if (upstream !== null) {
    facts.push(`Upstream ${upstream}, ${endpoint ?? "no endpoint so far"}, attempt ${attempts}`);
  }
  if (client_subject !== null) facts.push(`Client certificate ${client_subject}`);
  if (faults.length > 0) facts.push(`Faults ${faults.join(", ")}`);
  return facts.join("\n");
}
