// Settings that stand more than once in a YAML text, as in a guide that lists alternatives. YAML allows none; verl's reader
// refuses them. Here the first counts and the others are told.

import type { Document } from "yaml";
import { isMap, isScalar, visit } from "yaml";

/** Takes every repeated name of `document` out, sections merged into the first. Returns the names, as often as left out. */
export function takeOutRepeats(document: Document): string[] {
  const repeated: string[] = [];
  visit(document, {
    Map: (_, node) => {
      const first = new Map<string, (typeof node.items)[number]>();
      for (const item of node.items) {
        const name = isScalar(item.key) ? String(item.key.value) : undefined;
        const known = name === undefined ? undefined : first.get(name);
        if (name === undefined || known === undefined) first.set(name ?? `?${first.size}`, item);
        else if (isMap(known.value) && isMap(item.value)) known.value.items.push(...item.value.items);
        else repeated.push(name);
      }
      // The merge key of YAML 1.1 may stand often, and is no setting.
      const isMerge = (item: (typeof node.items)[number]): boolean =>
        isScalar(item.key) && item.key.value === "<<";
      const kept = new Set(first.values());
      node.items = node.items.filter((item) => kept.has(item) || isMerge(item));
    },
  });
  return repeated.filter((name) => name !== "<<");
}
