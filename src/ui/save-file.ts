// Gives a file to the person: the browser saves it as a download, or copies it to a place that the person chooses. Makes no
// file.

/** Saves `file` under its own name. One on disk is read from there. */
export function saveFile(file: File): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = file.name;
  link.click();
  // The browser reads the file after the click returns; a minute is longer than any prompt it shows before that.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** What browsers with the File System Access API have, and the types of a page lack. */
interface WithPicker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/**
 * Saves a file of any size: as a stream to a place that the person chooses, where the browser can ask for one, else as a
 * download. To be called right after a click. `handed`: the browser still reads the file. Rejects when the disk is full; the
 * file is as it was.
 */
export async function saveLargeFile(file: File): Promise<"copied" | "handed" | "cancelled"> {
  const picker = window as WithPicker;
  if (!picker.showSaveFilePicker) {
    saveFile(file);
    return "handed";
  }
  let handle: FileSystemFileHandle;
  try {
    handle = await picker.showSaveFilePicker({ suggestedName: file.name });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return "cancelled";
    throw error;
  }
  await file.stream().pipeTo(await handle.createWritable());
  return "copied";
}
