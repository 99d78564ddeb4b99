// Gives a file to the person: the browser saves it as a download. Makes no file.

/** Saves `file` under its own name. */
export function saveFile(file: File): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = file.name;
  link.click();
  // The browser reads the file after the click returns; a minute is longer than any prompt it shows before that.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
