/**
 * What a YAML document may not hold although it can be parsed, found in one pass. The parser has checks of its own for keys
 * written twice and for aliases, whose time grows with the square of the file.
 */
import { isAlias, isNode, isScalar, visit, type Document as YamlDocument } from "yaml";

/** Most aliases in a document; each is looked up anew when its value is taken. */
const maxAliasNodes = 100;

interface Finding {
  /** Offset in the text. */
  readonly at: number;
  readonly message: string;
  readonly suggestion: string;
}

/** Every key written twice; or, once, an alias without an anchor or one too many. */
export function inspect(parsed: YamlDocument.Parsed): Finding[] {
  const repeated: Finding[] = [];
  let wrongAlias: Finding | undefined;
  const anchors = new Set<string>();
  let aliases = 0;
  visit(parsed, {
    // For scalars and lists; a visitor of one kind takes the place of this one.
    Node(_key, node) {
      if (!isAlias(node) && node.anchor !== undefined) anchors.add(node.anchor);
    },
    Alias(_key, node) {
      aliases += 1;
      const at = node.range?.[0] ?? 0;
      if (!anchors.has(node.source)) {
        const suggestion = "put quotes round a text that starts with *";
        wrongAlias = { at, message: "an alias (*name) has no anchor (&name) before it", suggestion };
      } else if (aliases > maxAliasNodes) {
        wrongAlias = { at, message: `holds more than ${maxAliasNodes} aliases`, suggestion: "write the values out" };
      }
      return wrongAlias === undefined ? undefined : visit.BREAK;
    },
    Map(_key, map) {
      if (map.anchor !== undefined) anchors.add(map.anchor);
      const names = new Set<unknown>();
      for (const { key } of map.items) {
        const name: unknown = isScalar(key) ? key.value : undefined;
        if (name === undefined) continue;
        if (names.has(name)) {
          repeated.push({
            at: (isNode(key) ? key.range?.[0] : undefined) ?? 0,
            message: "this key is written twice",
            suggestion: "keep one",
          });
        }
        names.add(name);
      }
    },
  });
  return wrongAlias === undefined ? repeated : [wrongAlias];
}
