// The text of a file that was chosen or dropped as a configuration.

const MAX_BYTES = 2 ** 20;

/** Rejects with a sentence when the file is too large to be one. */
export async function settingsText(file: File): Promise<string> {
  if (file.size <= MAX_BYTES) return file.text();
  throw new Error(
    `${file.name} has ${file.size} bytes: it is no configuration of a run. Choose a YAML file or a shell script.`,
  );
}
