// The name of a file or a repository without the folders before it.

export const baseName = ({ name }: { readonly name: string }): string => name.split("/").at(-1)!;
