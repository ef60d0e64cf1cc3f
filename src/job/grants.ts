/** What a job lets its turn do beside answering. */

/** What a turn may do. What is not granted does not exist for the model. */
export interface ToolGrants {
  /** MCP servers by a name of the job's choice; started for the attempt, dead after it. */
  readonly mcp?: Readonly<Record<string, McpGrant>>;
  readonly shell?: ShellGrant;
  readonly files?: FilesGrant;
  readonly http?: HttpGrant;
}

export type McpGrant = (
  | {
      readonly transport: "stdio";
      readonly argv: readonly string[];
      /** The server's environment beside the turn's own; values may be references `${NAME}`, resolved in runner. */
      readonly env?: Readonly<Record<string, string>>;
    }
  | {
      readonly transport: "http";
      readonly url: string;
      /** Values may be references `${NAME}`. */
      readonly headers?: Readonly<Record<string, string>>;
    }
) & {
  /** Names of the server's tools that may be used. Default all. */
  readonly tools?: readonly string[];
  /** One tool call. Default 60 s. */
  readonly timeoutMs: number;
};

export interface ShellGrant {
  /** Programs that may be run, by name (found in PATH) or absolute path. */
  readonly allow: readonly string[];
  /** The model may give one shell string, run by `sh -c`; the allow-list then means nothing. Default false: argv only. */
  readonly shellStrings: boolean;
  /** One command. Default 60 s. */
  readonly timeoutMs: number;
}

export interface FilesGrant {
  /** `ro`: read and list. `rw`: write, too. Always below the work folder, whatever links say. */
  readonly access: "ro" | "rw";
}

export interface HttpGrant {
  /** Hosts that may be asked: `api.example.com`, or `*.example.com` for every name below it. */
  readonly allow: readonly string[];
  /** Default GET and HEAD. */
  readonly methods: readonly string[];
  /** Addresses of private networks and of this machine may be asked. Default false. */
  readonly privateAddresses: boolean;
  /** One request. Default 30 s. */
  readonly timeoutMs: number;
}
