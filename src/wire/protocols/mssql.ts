/** Microsoft SQL Server: a PRELOGIN packet ([MS-TDS] sections 2.2.3.1 and 2.2.6.5). */

import { ANY, lookAtEach, type Protocol } from "./look.ts";

const PRELOGIN = 0x12;
const LAST_PACKET = 1;
const VERSION = 0;

export const mssql: Protocol = {
  begins: "a PRELOGIN packet of Microsoft SQL Server (TDS 7)",
  // The header: type, status, length, process, number and window; then the first option, which is the version.
  look: (bytes) =>
    lookAtEach(bytes, [PRELOGIN, LAST_PACKET, ANY, ANY, 0, 0, [0, 1], 0, VERSION, 0, ANY, 0, 6]),
};
