import type { Dialect, JsonObject, ProviderConfig } from "./provider.ts";

/** What differs between wire formats when a request is built. One file a dialect; `index.ts` lists them. */
export interface DialectAdapter {
  readonly dialect: Dialect;
  /** Appended to the base URL. */
  readonly path: string;
  /** How the key is sent unless the configuration says otherwise. */
  readonly auth: "x-api-key" | "bearer";
  /** Headers every request needs; what the turn or the configuration says goes over them. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it goes out, and what had to be changed in it, in words. */
  body(asked: AskedBody): { readonly body: JsonObject; readonly changes: readonly string[] };
}

interface AskedBody {
  readonly body: JsonObject;
  /** As the provider knows it. */
  readonly model: string;
  readonly stream: boolean;
  readonly config: ProviderConfig;
  /** Most output tokens a non-streamed answer may have so that it can be written within the try limit. */
  readonly fittingTokens: number;
}
