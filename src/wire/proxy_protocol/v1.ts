/** Version 1 of the PROXY protocol: a line of text (proxy-protocol.txt, section 2.1). */

import { MalformedError } from "../byte_reader.ts";
import { formatIp, isIpv4, parseIp } from "../ip/ip_address.ts";
import { ipEndpointsOf } from "./address.ts";
import type { DecodedProxyHeader, ProxyAddress, ProxyHeader } from "./header.ts";

/** The longest line, CR and LF included. */
const MAX_LINE = 107;
const UNKNOWN = "PROXY UNKNOWN";
const BEGINNINGS = ["PROXY TCP4 ", "PROXY TCP6 ", UNKNOWN];
/** The shortest line. */
const MIN_LINE = `${UNKNOWN}\r\n`.length;
const FIELDS = ["source address", "destination address", "source port", "destination port"];
/** Any beginning of an IP address becomes a whole one when at least one of these is appended. */
const COMPLETIONS = ["", "0", ":", "::", ".0", "0.0", ".0.0", "0.0.0", ".0.0.0", "0.0.0.0"];

/** @throws {MalformedError} when no line begins like this. */
export function decodeLine(bytes: Uint8Array): DecodedProxyHeader {
  const text = String.fromCharCode(...bytes.subarray(0, MAX_LINE));
  const beginning = BEGINNINGS.find((each) => each.startsWith(text) || text.startsWith(each));
  if (beginning === undefined) throw new MalformedError("not a PROXY protocol header");
  if (text.length < beginning.length) return needMore(text);
  return beginning === UNKNOWN ? decodeUnknown(text) : decodeTcp(text, beginning);
}

/** A line with addresses, or with UNKNOWN when there are none that a line can hold. */
export function encodeLine(header: ProxyHeader): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${lineOf(header)}\r\n`);
}

function lineOf(header: ProxyHeader): string {
  const endpoints = header.command === "proxy" ? ipEndpointsOf(header) : undefined;
  if (endpoints === undefined) return UNKNOWN;
  const [source, destination] = endpoints;
  const isTcp4 = isIpv4(source.words);
  if (isTcp4 !== isIpv4(destination.words)) return UNKNOWN;
  const addresses = `${formatIp(source.words)} ${formatIp(destination.words)}`;
  return `PROXY ${isTcp4 ? "TCP4" : "TCP6"} ${addresses} ${source.port} ${destination.port}`;
}

/** A receiver ignores everything between UNKNOWN and the end of the line. */
function decodeUnknown(text: string): DecodedProxyHeader {
  const next = text.charAt(UNKNOWN.length);
  if (next === "") return needMore(text);
  if (next !== " " && next !== "\r") throw new MalformedError("unknown protocol family");
  const end = next === "\r" ? UNKNOWN.length : text.indexOf("\r\n");
  return end < 0 ? needMore(text) : endOfLine(text, end, { command: "proxy" });
}

function decodeTcp(text: string, beginning: string): DecodedProxyHeader {
  const end = text.indexOf("\r");
  const fields = text.slice(beginning.length, end < 0 ? undefined : end).split(" ");
  const isTcp4 = beginning.includes("TCP4");
  for (const [index, field] of fields.entries()) {
    const isWhole = end >= 0 || index < fields.length - 1;
    const isRight = index < 2 ? isAddress(field, isTcp4, isWhole) : index < 4 && isPort(field, isWhole);
    if (!isRight) throw new MalformedError(`wrong ${FIELDS[index] ?? "end of line"}`);
  }
  if (end < 0) return needMore(text);
  const [source, destination, sourcePort, destinationPort] = fields;
  if (destinationPort === undefined) throw new MalformedError("the line ends too early");
  return endOfLine(text, end, {
    command: "proxy",
    source: tcpAddress(source!, sourcePort!),
    destination: tcpAddress(destination!, destinationPort),
  });
}

/** The header of a line whose CR is at `end`. */
function endOfLine(text: string, end: number, header: ProxyHeader): DecodedProxyHeader {
  const next = text.charAt(end + 1);
  if (next === "") return needMore(text);
  if (next !== "\n") throw new MalformedError("CR without LF");
  return { kind: "header", header, length: end + 2 };
}

function needMore(text: string): DecodedProxyHeader {
  const missing = text.endsWith("\r") ? 1 : 2;
  if (text.length + missing > MAX_LINE) throw new MalformedError(`no end of line in ${MAX_LINE} bytes`);
  return { kind: "need_more", atLeast: Math.max(MIN_LINE, text.length + missing) };
}

/** An address of the family; unless `isWhole`, also the beginning of one. */
function isAddress(text: string, isTcp4: boolean, isWhole: boolean): boolean {
  if (text.includes("%")) return false;
  const completions = isWhole ? [""] : COMPLETIONS;
  return completions.some((completion) => {
    const address = text + completion;
    return address.includes(":") !== isTcp4 && parseIp(address) !== undefined;
  });
}

/** A port; unless `isWhole`, also an empty text. */
function isPort(text: string, isWhole: boolean): boolean {
  return text === "" ? !isWhole : /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535;
}

function tcpAddress(hostname: string, port: string): ProxyAddress {
  return { transport: "tcp", hostname: formatIp(parseIp(hostname)!), port: Number(port) };
}
