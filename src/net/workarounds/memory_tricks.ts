/**
 * Memory that is used again, or given up at once, because of how Deno does things that it promises nowhere: what Node.js
 * made is detached once it was read (`detach_buffer.ts`) or sent (`tls_output.ts`), and node:tls is given bytes in a
 * buffer that is read into again right after (`../tls_duplex.ts`). In a Deno that does them in another way this would
 * change bytes under way, and `memory_check.ts` turns it off.
 */
export const memoryTricks = { areOn: true };
