/** The JSON Schema of the configuration. For editors; the check itself says more, and decides. */
import { jsonSchemaOf, type SchemaObject } from "../job/json-schema.ts";
import { configShape } from "./config-shape.ts";

export function configFileSchema(): SchemaObject {
  const schema = jsonSchemaOf(configShape);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "The configuration of runner",
    ...(typeof schema === "boolean" ? {} : schema),
  };
}
