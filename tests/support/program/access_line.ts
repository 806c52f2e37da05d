/** A line of the access log, as JSON. */
export interface AccessLine {
  readonly event: string;
  readonly service: string;
  readonly client: string;
  readonly ended_by: string;
  readonly reason: string;
  readonly code?: string;
  readonly detail?: string;
  readonly upstream?: string;
  readonly endpoint?: string;
}
