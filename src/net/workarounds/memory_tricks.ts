/**
 * Memory that is reused or freed early, relying on undocumented behaviour of Deno: buffers of Node.js are
 * detached once they are read (`detach_buffer.ts`) or sent (`tls_output.ts`), and node:tls gets bytes in a
 * buffer that is overwritten right after (`../tls_duplex.ts`). If another version of Deno behaves
 * differently, this would corrupt data in transit, so `memory_check.ts` disables it.
 */
export const memoryTricks = { areOn: true };
