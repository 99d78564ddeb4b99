// Lets the items of a list glide from where they were to where they are, so that sorting can be followed with the eye.
// Nothing moves for those who asked for none.

/** Milliseconds. */
const DURATION = 240;

/** Where each item of `list` is, by its `data-key`, in CSS pixels below the top of the list. */
export function placesIn(list: Element | null): Map<string, number> {
  const items = [...(list?.children ?? [])].filter((item) => item instanceof HTMLElement);
  return new Map(items.map((item) => [item.dataset["key"] ?? "", item.offsetTop]));
}

/** Moves the items of `list` from `before` to their places. */
export function glide(list: Element | null, before: ReadonlyMap<string, number>): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const after = placesIn(list);
  for (const item of list?.children ?? []) {
    const key = (item as HTMLElement).dataset["key"] ?? "";
    const way = (before.get(key) ?? after.get(key)!) - after.get(key)!;
    if (way !== 0)
      item.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], {
        duration: DURATION,
        easing: "ease-out",
      });
  }
}
