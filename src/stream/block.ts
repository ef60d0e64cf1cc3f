import { type Json, objectOr, stringOr } from "./json.ts";
import { Lane, type LaneKind } from "./lane.ts";
import type { Proof } from "./proof.ts";

/** Which lanes a kind of delta belongs to and the field that holds its piece. */
export const deltaFields: Readonly<Record<string, { kind: LaneKind; field: string }>> = {
  text_delta: { kind: "text", field: "text" },
  thinking_delta: { kind: "thinking", field: "thinking" },
  signature_delta: { kind: "thinking", field: "signature" },
  input_json_delta: { kind: "tool", field: "partial_json" },
};

function kindOf(type: string): LaneKind {
  if (type === "text" || type === "thinking") return type;
  return type === "tool_use" || type.endsWith("_tool_use") ? "tool" : "opaque";
}

/**
 * A lane for a `content_block_start`. Fields that clients take for granted are filled in where a provider left them out: the
 * official SDK would otherwise put the word "undefined" before the text.
 */
export function laneFor(index: number, event: Json, data: string, proof: Proof): Lane {
  const block: Record<string, unknown> = { ...objectOr(event["content_block"]) };
  const type = stringOr(block["type"], "");
  const kind = kindOf(type);
  const before = JSON.stringify(block);
  const ownId = typeof block["id"] === "string" && block["id"] !== "";
  if (kind === "text") fill(block, "text", "");
  if (kind === "thinking") {
    fill(block, "thinking", "");
    fill(block, "signature", "");
  }
  if (kind === "tool") {
    if (typeof block["name"] !== "string" || block["name"] === "")
      throw proof.fault("tool_without_name", "a tool call has no name", { index });
    if (block["input"] === "") block["input"] = {};
    fill(block, "input", {});
    if (!ownId) block["id"] = `toolu_${proof.frames}_${index}`;
  }
  for (const field of ["text", "thinking", "signature"]) {
    if ((kind === "text" || kind === "thinking") && field in block && typeof block[field] !== "string") {
      throw proof.fault("malformed_frame", `the ${field} of a block start is not text`, { index });
    }
  }
  const changed = JSON.stringify(block) !== before;
  if (changed)
    proof.repair("field_default", `a ${kind} block start lacked a field that carries no content; it was given its empty value`);
  const lane = new Lane(index, kind, block, changed ? undefined : data);
  lane.ownId = ownId;
  seed(lane);
  return lane;
}

function fill(block: Record<string, unknown>, field: string, value: unknown): void {
  if (block[field] === undefined || block[field] === null) block[field] = value;
}

/** Content that came with the start itself. */
function seed(lane: Lane): void {
  if (lane.kind === "tool" || lane.kind === "opaque") lane.hasContent = true;
  const text = lane.block[lane.kind];
  if (lane.kind === "text" || lane.kind === "thinking") {
    if (text !== "" || (lane.block["signature"] ?? "") !== "") lane.hasContent = true;
    if (Array.isArray(lane.block["citations"])) for (const citation of lane.block["citations"]) lane.citations.push(citation);
  }
}

/** An envelope for content that came without its start. */
export function emptyBlock(kind: "text" | "thinking"): Record<string, unknown> {
  return kind === "text" ? { type: "text", text: "" } : { type: "thinking", thinking: "", signature: "" };
}

/** The finished block in the non-streamed shape. */
export function assembledBlock(lane: Lane): Json {
  const block = { ...lane.block };
  if (lane.kind === "text") {
    block["text"] = stringOr(lane.block["text"], "") + lane.content.join();
    if (lane.citations.length > 0) block["citations"] = lane.citations;
  } else if (lane.kind === "thinking") {
    block["thinking"] = stringOr(lane.block["thinking"], "") + lane.content.join();
    const signature = joinedSignature(lane);
    if (signature !== "") block["signature"] = signature;
  } else if (lane.kind === "tool") {
    block["input"] = lane.input;
  }
  return block;
}

/** A signature is one value: its pieces joined, an exact repetition taken once. */
export function joinedSignature(lane: Lane): string {
  const pieces = lane.signatures.map((parked) => {
    return stringOr(objectOr(parked.event["delta"])["signature"], "");
  });
  return pieces.every((piece) => piece === pieces[0]) ? (pieces[0] ?? "") : pieces.join("");
}
