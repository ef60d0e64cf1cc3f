/** Pictures: Anthropic's `image` blocks and OpenAI's `image_url` parts. */
import type { JsonObject } from "../provider.ts";
import { isObject, kindOf, type Problems, textOr } from "./problems.ts";

/** Anthropic takes no others. */
const mediaTypes = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"]);

export function imagePart(block: JsonObject, where: string, problems: Problems): JsonObject {
  const source = isObject(block["source"]) ? block["source"] : {};
  const { type, media_type, data, url } = source;
  if (type === "base64" && typeof media_type === "string" && typeof data === "string")
    return { type: "image_url", image_url: { url: `data:${media_type};base64,${data}` } };
  if (type === "url" && typeof url === "string") return { type: "image_url", image_url: { url } };
  problems.push(`${where} of type "image" with a source of type ${kindOf(source)}`);
  return {};
}

/** `detail` is left out: it is a hint about the price. */
export function imageBlock(part: JsonObject, where: string, problems: Problems): JsonObject {
  const url = isObject(part["image_url"]) ? textOr(part["image_url"]["url"]) : "";
  if (/^https?:/i.test(url)) return { type: "image", source: { type: "url", url } };
  const [, type = "", data] = /^data:([\w/+.-]{1,100});base64,(.*)$/s.exec(url) ?? [];
  if (data !== undefined && mediaTypes.has(type)) return { type: "image", source: { type: "base64", media_type: type, data } };
  problems.push(
    `${where} of type "image_url" (${data === undefined ? "neither a web address nor base64 data" : `of type ${type}`})`,
  );
  return {};
}
