/** The two kinds of loads: one drives targets that go on running, the other starts its target afresh each time. */
import type { LoadName, TargetName } from "../report/names.ts";
import type { Options } from "../options.ts";
import type { Program } from "../targets/programs.ts";
import type { Sample } from "../report/samples.ts";
import type { Processes } from "../processes.ts";
import type { Start } from "../targets/running.ts";

/** One run of a load. */
export interface Driven {
  readonly sample: Sample;
  /** How much was done in units of the cost column: GB, requests, connections. */
  readonly work: number;
}

interface Named {
  readonly name: LoadName;
  readonly needs: readonly Program[];
  readonly targets: readonly TargetName[];
}

/** Drives a target that runs for the whole bench. */
export interface Load extends Named {
  /** The target terminates TLS. */
  readonly hasTls: boolean;
  /** Starts the upstream of the proxies and returns its port. */
  upstream(processes: Processes): Promise<number>;
  drive(processes: Processes, port: number, seconds: number): Promise<Driven>;
  /** The sample for the proxy's own CPU time per unit of work; empty where it is too little to measure. */
  cost(cpuMs: number, work: number): Sample;
  /**
   * How much work it takes until a program that is compiled as it runs is at full speed, and how to do that work when
   * not by the load itself. In units of work and not of time, as measured with sluice: from 24 900 to 35 500 requests/s
   * over the first 400 000; CPU time a connection from 140 to 106 µs over the first 17 000, and a handshake from 1.3 to
   * 0.7 ms over the first 3 000.
   */
  readonly warmUp: { readonly work: number; readonly by?: Load["drive"] };
}

/** Starts a target and measures it. */
export interface Trial extends Named {
  measure(processes: Processes, start: Start, options: Options, warmsUp: boolean): Promise<Sample>;
}
