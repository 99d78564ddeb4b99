// Numbers as people read them: sizes, durations, counts, shares, dates. Pure; English, like the page.

export { formatSetting } from "../common/numbers.ts";

const KIB = 1024;
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1536` as "1.5 KiB": three significant digits at most, in powers of 1024. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 999.5 && unit < BYTE_UNITS.length - 1) {
    amount /= KIB;
    unit++;
  }
  return `${unit === 0 ? Math.round(amount) : threeDigits(amount)} ${BYTE_UNITS[unit]}`;
}

/** A count in short: 950 as "950", 12400 as "12.4 k", 494e6 as "494 M". */
export function formatCount(count: number): string {
  const units = ["", " k", " M", " B"];
  let unit = 0;
  let amount = count;
  while (Math.abs(amount) >= 999.5 && unit < units.length - 1) {
    amount /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(amount) : threeDigits(amount)}${units[unit]}`;
}

/** A count in full, with thousands apart: "2,000". */
export const formatInteger = (count: number): string => Math.round(count).toLocaleString("en");

const threeDigits = (amount: number): string => String(Number(amount.toPrecision(3)));

/** Seconds as a person waits for them: "under a second", "42 s", "3 min 20 s", "2 h 5 min". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "";
  if (seconds < 1) return "under a second";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 && minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

/** A share from 0 to 1 in percent, one digit behind the point: "42.5 %". */
export const formatShare = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

/** A measured number with three significant digits; small and large ones with a power of ten. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  return size >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** "1 step", "2 steps". */
export const plural = (count: number, noun: string): string =>
  `${formatInteger(count)} ${count === 1 ? noun : `${noun}s`}`;

/** When something happened, seen from `now` (both ms since 1970): "just now", "5 min ago", "3 h ago", else the date. */
export function formatWhen(then: number, now: number): string {
  const minutes = Math.floor((now - then) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return new Date(then).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}
