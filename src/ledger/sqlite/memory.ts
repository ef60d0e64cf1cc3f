import type { Ledger } from "../ledger.ts";
import type { Connection } from "./connection.ts";
import { whole } from "./columns.ts";

type MemoryMethods = Pick<Ledger, "rememberRung">;

/** Which models' streaming broke. Losing a memory to a power cut costs one try, so these writes do not wait for the disk. */
export function memoryMethods(connection: Connection): MemoryMethods {
  return {
    rememberRung: (memory) =>
      connection.write("process_death", () => {
        connection
          .sql(
            `INSERT INTO rung_memories (provider, model, fault, noted_at, expires_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (provider, model) DO UPDATE SET fault = excluded.fault, noted_at = excluded.noted_at, expires_at = excluded.expires_at
             WHERE excluded.noted_at >= rung_memories.noted_at`,
          )
          .run(memory.provider, memory.model, memory.fault, whole(memory.notedAt), whole(memory.expiresAt));
      }),
  };
}
