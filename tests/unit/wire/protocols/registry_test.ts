/** What is recognised as which protocol, from the first bytes that clients send. */

import assert from "node:assert/strict";
import type { Look } from "../../../../src/wire/protocols/look.ts";
import {
  PROTOCOL_NAMES,
  type ProtocolName,
  protocolOf,
  PROTOCOLS,
} from "../../../../src/wire/protocols/registry.ts";
import { clientHello } from "../../../support/bytes/client_hellos.ts";
import { bytesOf } from "../../../support/bytes/proxy_headers.ts";
import { FIRST_MESSAGES, OTHERS } from "./first_messages.ts";

Deno.test("every protocol recognises what its clients send first, and none takes it for another", () => {
  for (const name of PROTOCOL_NAMES) {
    const messages = FIRST_MESSAGES[name];
    assert.ok(messages.length > 0, `${name} has no example`);
    for (const message of messages) {
      const names = PROTOCOL_NAMES.filter((each) => PROTOCOLS[each].look(message) === "match");
      assert.deepEqual(names, [name], `${name}: ${message.toHex()}`);
      assert.equal(protocolOf(message), name);
    }
  }
});

Deno.test("no protocol changes its answer when more bytes arrive", () => {
  const messages = [
    ...Object.values(FIRST_MESSAGES).flat(),
    ...Object.values(OTHERS).flat(),
    clientHello({ sni: "a.test" }),
  ];
  for (const message of messages) {
    for (const [name, { look }] of Object.entries(PROTOCOLS)) {
      assert.equal(look(message.subarray(0, 0)), "need_more", `${name} needs no byte`);
      let answer: Look = "need_more";
      for (let length = 1; length <= message.length; length++) {
        const next = look(message.subarray(0, length));
        if (answer !== "need_more") assert.equal(next, answer, `${name}, ${length} of ${message.toHex()}`);
        answer = next;
      }
      for (const more of ["\0", "\r\n", "a"]) {
        const longer = Uint8Array.of(...message, ...bytesOf(more));
        if (answer !== "need_more") assert.equal(look(longer), answer, `${name}, beyond ${message.toHex()}`);
      }
    }
  }
});

Deno.test("no protocol recognises what is similar to it", () => {
  for (const [name, messages] of Object.entries(OTHERS)) {
    for (const message of messages) {
      assert.equal(PROTOCOLS[name as ProtocolName].look(message), "no", `${name}: ${message.toHex()}`);
      assert.equal(protocolOf(message), undefined, message.toHex());
    }
  }
});

Deno.test("http waits for the end of a line of up to 8 KiB", () => {
  const { look } = PROTOCOLS.http;
  const request = (target: number) => bytesOf(`GET /${"a".repeat(target)} HTTP/1.1\r\n`);
  assert.equal(look(request(8000)), "match");
  assert.equal(look(request(8000).subarray(0, 8000)), "need_more");
  assert.equal(look(request(8200)), "no");
  assert.equal(look(request(8200).subarray(0, 8200)), "no");
});
