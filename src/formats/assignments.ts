// Settings as lines of Python or TOML, `tau_pos = 1.0`, in the form of YAML. Lines that compute something are left out.

const LINE = /^([A-Za-z_][\w.]*)\s+=\s+(.+?)\s*(?:\s#.*)?$/;
const LITERAL = /^(-?[\d.][\d._]*(e[-+]?\d+)?|true|false|null|none|"[^"]*"|'[^']*'|\[[^\]]*\])$/i;

/** YAML of the assignments of `text`; undefined when there is anything else than assignments and comments, or no value. */
export function assignmentsAsYaml(text: string): string | undefined {
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*(#.*)?$/.test(line));
  const found = lines.map((line) => LINE.exec(line));
  if (!found.every((match) => match !== null)) return undefined;
  const values = found.filter(([, , value]) => LITERAL.test(value!));
  if (values.length === 0) return undefined;
  return values.map(([, name, value]) => `${name}: ${/^none$/i.test(value!) ? "null" : value}\n`).join("");
}
