// The entry of a list that a checked setting names.

export const entryOf = <T extends { readonly id: string }>(list: readonly T[], id: string): T =>
  list.find((entry) => entry.id === id)!;
