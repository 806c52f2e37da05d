/**
 * The data of each event in a stream of server-sent events (HTML Living Standard, section 9.2.6). The types are in the
 * data, so `event`, `id`, `retry` and comments are ignored.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 */
export async function* dataOfEvents(stream) {
  /** @type {string[]} */
  let data = [];
  for await (const line of linesOf(stream)) {
    if (line.startsWith("data:")) {
      data.push(line.slice(line[5] === " " ? 6 : 5));
    } else if (line === "" && data.length > 0) {
      yield data.join("\n");
      data = [];
    }
  }
}

/** @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream */
async function* linesOf(stream) {
  let rest = "";
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const lines = (rest + read.value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
  } finally {
    await reader.cancel();
  }
}
