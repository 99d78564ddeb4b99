// What was dropped, as a flat list of files: folders are walked, hidden files and folders left out. And which of them are a
// model, problems or settings, by name alone; whether they can be read is the worker's matter.

/** What this file needs of the browser's FileSystemEntry, so that a test can stand in for a dropped folder. */
export interface Entry {
  readonly name: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
}
interface FileEntry extends Entry {
  file(found: (file: File) => void, failed: (error: unknown) => void): void;
}
interface FolderEntry extends Entry {
  createReader(): {
    readEntries(found: (entries: Entry[]) => void, failed: (error: unknown) => void): void;
  };
}

/** Deeper folders than this are not a model's. */
const MAX_DEPTH = 4;

const isHidden = ({ name }: Entry): boolean => name.startsWith(".");

/** The files of a drop. Entries must be asked for during the event, so this reads them before it waits. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const lists = await Promise.all(
    entries.map(async (entry) => {
      if (entry === null) return [];
      return entry instanceof File ? [entry] : filesOf(entry as unknown as Entry);
    }),
  );
  return lists.flat();
}

/** Every file of `entry`, folders walked in the order of the browser. A file in a folder is named by its path. */
export async function filesOf(entry: Entry, folders: readonly string[] = []): Promise<File[]> {
  if (isHidden(entry) || folders.length > MAX_DEPTH) return [];
  if (entry.isFile) return [named(await fileOf(entry as FileEntry), folders)];
  const children = await childrenOf(entry as FolderEntry);
  const lists = await Promise.all(children.map((child) => filesOf(child, [...folders, entry.name])));
  return lists.flat();
}

const fileOf = (entry: FileEntry): Promise<File> => new Promise((found, failed) => entry.file(found, failed));

/** A chosen folder's files know their path, dropped ones do not. Refers to the same bytes; copies nothing. */
const named = (file: File, folders: readonly string[]): File =>
  folders.length === 0
    ? file
    : new File([file], [...folders, file.name].join("/"), {
        type: file.type,
        lastModified: file.lastModified,
      });

/** Browsers hand out a folder in pieces (Chromium: 100 entries) until a piece is empty. */
async function childrenOf(folder: FolderEntry): Promise<Entry[]> {
  const reader = folder.createReader();
  const all: Entry[] = [];
  for (;;) {
    const piece = await new Promise<Entry[]>((found, failed) => reader.readEntries(found, failed));
    if (piece.length === 0) return all;
    all.push(...piece);
  }
}

const MODEL_FILE =
  /((^|\/)(config|tokenizer|tokenizer_config|generation_config|model\.safetensors\.index)\.json|\.(onnx|onnx_data|onnx\.data|safetensors|jinja))$/i;
/** PEFT's files, or an archive of them as a run's weights are downloaded. */
const ADAPTER_FILE = /(^|\/)adapter_(config\.json|model\.(safetensors|bin))$|\.zip$/i;
/** Without one of these there is no model among the files: PEFT saves a tokenizer beside an adapter. */
const MODEL_BODY = /(^|\/)config\.json$|\.(onnx|safetensors)$/i;
const PROBLEM_FILE = /\.(jsonl|ndjson|parquet)$/i;
/** A person's reward function. */
const REWARD_FILE = /\.(js|mjs)$/i;

/** verl's YAML, or a script with its command. */
const SETTINGS_FILE = /\.(ya?ml|sh)$/i;

export interface SortedFiles {
  /** An adapter's among them. */
  readonly model: readonly File[];
  readonly problems: readonly File[];
  readonly settings: readonly File[];
  /** The last of them, where several were dropped. */
  readonly reward: File | undefined;
}

/** A model's files and an adapter's; what lies beside an adapter alone is neither. */
export function splitAdapter(files: readonly File[]): {
  readonly model: readonly File[];
  readonly adapter: readonly File[];
} {
  const isAdapter = ({ name }: File): boolean => ADAPTER_FILE.test(name);
  const adapter = files.filter(isAdapter);
  const others = files.filter((file) => !isAdapter(file));
  const isModel = adapter.length === 0 || others.some(({ name }) => MODEL_BODY.test(name));
  return { model: isModel ? others : [], adapter };
}

/** Which files are for the model, which are problems, settings, or a reward function. With a model among them, any other is its own. */
export function sortFiles(files: readonly File[]): SortedFiles {
  const isProblem = ({ name }: File): boolean => PROBLEM_FILE.test(name);
  const isSettings = ({ name }: File): boolean => SETTINGS_FILE.test(name);
  const isReward = ({ name }: File): boolean => REWARD_FILE.test(name);
  const reward = files.findLast(isReward);
  const others = files.filter((file) => !isReward(file));
  if (others.some(({ name }) => MODEL_FILE.test(name) || ADAPTER_FILE.test(name)))
    return {
      model: others.filter((file) => !isProblem(file)),
      problems: others.filter(isProblem),
      settings: [],
      reward,
    };
  const problems = others.filter((file) => !isSettings(file));
  return { model: [], problems, settings: others.filter(isSettings), reward };
}
