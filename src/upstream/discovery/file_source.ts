/** `discovery: { file: … }`: endpoints from a file, which something else writes. */

import type { DiscoverySource } from "./source.ts";

export const fileSource: DiscoverySource<"file"> = {
  verb: ["use", "used"],
  describe: (path) => `the file ${path}`,
  async run(path, { events, parts: { files }, signal }) {
    const read = async () => {
      try {
        const endpoints = await files.endpoints(path);
        if (signal.aborted) return;
        events.answered(path);
        events.endpoints(endpoints);
      } catch (error) {
        if (!signal.aborted) events.failed(path, error);
      }
    };
    await files.watch([path], read, signal);
  },
};
