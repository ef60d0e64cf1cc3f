/** What has to be known of the system's processes to end a turn whole, whatever system it is. */

export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  /** 0 where the system does not say. */
  readonly sid: number;
  /** Start time in the system's own unit. With the pid it names a process for good: a reused pid has a later start. */
  readonly start: number;
  /** Ended and not yet collected by its parent. It runs nothing and cannot be killed; it counts as dead. */
  readonly zombie: boolean;
}

/** Which attempt a process belongs to, as its environment says. Without `attempt`: any attempt of the run. With `tool`: one tool run of it. */
export interface Marker {
  readonly runId: string;
  readonly attempt?: number;
  readonly tool?: string;
}

export interface ProcessTable {
  /** Those that are there; with `notBefore`, which is a `start`, without those that started earlier. */
  list(notBefore?: number): ProcessEntry[];
  /** One process as it is now; undefined if there is none of this pid. */
  entry(pid: number): ProcessEntry | undefined;
  /** Whether the system lets us see the environments of processes, without which a marker finds nothing. */
  readonly seesEnvironments: boolean;
  /** Whether the process was started with the marker. False where the system does not let us see. */
  carries(pid: number, marker: Marker): boolean;
  /**
   * What the descriptors of a process point to, such as `socket:[1234]`; all of them, or those that are named. Empty where the
   * system does not let us see.
   */
  openFiles(pid: number, descriptors?: readonly number[]): string[];
}
