// Turns a number of workgroups into a dispatch that fits the 65,535 limit of one dimension.

import type { Workgroups } from "./recorder.ts";

const LIMIT = 65535;

/** Workgroups in x and y for `count` items; a kernel reads its item as `id.x + id.y * 65535` and checks the bound. */
export const grid = (count: number): Workgroups => [Math.min(count, LIMIT), Math.ceil(count / LIMIT)];

/** `count / size` rounded up. */
export const ceilDiv = (count: number, size: number): number => Math.ceil(count / size);
