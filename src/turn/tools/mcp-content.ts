/** What an MCP tool gave, as the model is told: text and pictures as they are, everything else by its name and size. Pure. */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { cutMiddle, imageTypes, type ImageType, type ToolContent, type ToolOutcome } from "./tool.ts";

/** Pictures of one result, and characters of base64 of one: Anthropic takes 5 MB. */
const mostImages = 4;
const imageLimit = 5_000_000;

type Item = CallToolResult["content"][number];

/** @param clean takes out of a text what nobody may be told. */
export function outcomeOf(result: CallToolResult, clean: (text: string) => string = (text) => text): ToolOutcome {
  const images: ToolContent[] = [];
  const texts = result.content.map((item) => {
    const image = imageIn(item);
    if (image === undefined || images.length >= mostImages) return textOf(item);
    images.push(image);
    return "";
  });
  if (result.content.length === 0 && result.structuredContent !== undefined) texts.push(JSON.stringify(result.structuredContent));
  const text = clean(texts.filter((one) => one !== "").join("\n"));
  const content = [...(text === "" && images.length > 0 ? [] : [{ type: "text", text: cutMiddle(text) } as const]), ...images];
  const outputBytes =
    Buffer.byteLength(text) + images.reduce((sum, one) => sum + (one.type === "image" ? one.data.length : 0), 0);
  if (result.isError !== true) return { status: "succeeded", content, outputBytes };
  const error = (text.split("\n", 1)[0] ?? "").slice(0, 500);
  return { status: "failed", content, outputBytes, error: error === "" ? "the tool says that it failed" : error };
}

function imageIn(item: Item): ToolContent | undefined {
  if (item.type === "image") return picture(item.mimeType, item.data);
  if (item.type === "resource" && "blob" in item.resource) return picture(item.resource.mimeType ?? "", item.resource.blob);
  return undefined;
}

function picture(mimeType: string, data: string): ToolContent | undefined {
  return isImageType(mimeType) && data.length <= imageLimit ? { type: "image", mediaType: mimeType, data } : undefined;
}

function isImageType(type: string): type is ImageType {
  return imageTypes.some((one) => one === type);
}

function textOf(item: Item): string {
  switch (item.type) {
    case "text":
      return item.text;
    case "image":
    case "audio":
      return `[${item.type} of type ${item.mimeType}, about ${Math.floor((item.data.length * 3) / 4)} bytes, not shown]`;
    case "resource":
      return "text" in item.resource
        ? `${item.resource.uri}:\n${item.resource.text}`
        : `[${item.resource.uri}, about ${Math.floor((item.resource.blob.length * 3) / 4)} bytes, not shown]`;
    case "resource_link":
      return `[${item.name}: ${item.uri}]`;
  }
}
